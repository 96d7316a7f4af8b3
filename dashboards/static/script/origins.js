// The days, sites and cells behind a point.
(() => {
  "use strict";
  const { delivered, element, filled, said, script, stack, unpacked, visible } = window.permille;
  const { body } = document;

  const dialog = document.getElementById("origin");
  const fetchedOrigins = new Map();
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 9 });
  const formatted = (value) => (value === null || value === undefined ? "–" : number.format(value));

  const originsOf = (file) => {
    if (!fetchedOrigins.has(file)) {
      fetchedOrigins.set(file, script(`${body.dataset.static}../data/origins/${file}`).then(() => unpacked(window.permilleOrigins)));
    }
    return fetchedOrigins.get(file);
  };

  // Of days whose date is not known only the year is.
  const periodsOf = ([date, year]) => date
    ? [String(year), `${year}-Q${Math.ceil(Number(date.slice(5, 7)) / 3)}`, date.slice(0, 7)] : [String(year)];
  const isIn = (day, period) => periodsOf(day).includes(period);

  const weekday = (day) => {
    const monday = new Date(Date.UTC(2024, 0, day[2])); // 1 January 2024 was a Monday
    return monday.toLocaleDateString(document.documentElement.lang, { weekday: "short", timeZone: "UTC" });
  };

  const place = (files, [file, sheet, cell]) => [files[file], sheet, cell].filter(Boolean).map(visible).join(" › ");
  const withPlace = (files, value, cell) => {
    const found = element("td", formatted(value));
    if (cell) { found.append(element("br"), element("small", delivered(place(files, cell)))); }
    return found;
  };

  const dayRow = (files, isMeasured) => (day) => {
    const [date, year, , isBelow, amount, amountLimit, concentration, limit, flow, , people, , , load, loadLimit,
      factor, loss, , cells, flowCell, peopleCell] = day;
    const head = element("th", date || `${year}, ${weekday(day)}`);
    head.scope = "row";
    const written = element("td");
    written.className = "text";
    cells.forEach((cell, n) => {
      if (n) { written.append(element("br")); }
      written.append(element("b", delivered(`${cell[3]} ${cell[4]}`.trim())), " ", element("small", delivered(place(files, cell))));
    });
    const below = (value, bound) => element("td", isBelow && bound !== null ? `< ${formatted(bound)}` : formatted(value));
    const made = below(amount, amount === null ? amountLimit : null);
    if (isBelow) { made.append(element("br"), element("small", said.below)); }
    const by = element("td", loss ? `${formatted(factor)} / (1 − ${formatted(loss)})` : formatted(factor));
    const measured = isMeasured
      ? [below(concentration, limit), withPlace(files, flow, flowCell), withPlace(files, people, peopleCell)] : [];
    return element("tr", head, written, ...measured, below(load, loadLimit), by, made);
  };

  const table = (caption, headers, rows) => {
    const cells = headers.map((text, n) => {
      const cell = element("th", text);
      cell.scope = "col";
      if (n > 1) { cell.className = "number"; }
      return cell;
    });
    const title = element("caption", caption);
    title.className = "hidden"; // the dialog's heading says it
    return element("table", title, element("thead", element("tr", ...cells)),
      element("tbody", ...rows));
  };

  const daysTable = (found, drug, period, caption) => {
    const days = (found.days[drug] || []).filter((day) => isIn(day, period));
    const isMeasured = days.some((day) => day[6] !== null || day[8] !== null);
    const measured = isMeasured ? [said.concentration, said.flow, said.inhabitants] : [];
    const headers = [said.day, said.asWritten, ...measured, said.load, said.factor, said.amount];
    return [days.length, table(caption, headers, days.map(dayRow(found.files, isMeasured)))];
  };

  const sitesTable = (found, drug, period, caption) => {
    const sites = (found.periods[drug] || {})[period] || [];
    const rows = sites.map(([site, mean, share, nDays]) => {
      const [name, slug] = found.sites[site] || [site];
      const link = element(slug ? "a" : "span", delivered(name));
      if (slug) { link.href = `${body.dataset.root}sites/${slug}.html#origin=${encodeURIComponent(drug)}/${period}`; }
      const head = element("th", link);
      head.scope = "row";
      const part = share === null ? "–" : `${(100 * share).toFixed(1)} %`;
      return element("tr", head, element("td", formatted(mean)), element("td", part), element("td", formatted(nDays)));
    });
    return [sites.filter(([, , share]) => share !== null).length, table(caption, [said.site, said.mean, said.share, said.days], rows)];
  };

  // Delivered words in a command that somebody may paste: no shell finds anything to do in them.
  const pasted = (word) => {
    if (/^[\p{L}\p{N}._][\p{L}\p{N}._:-]*$/u.test(word)) { return word; }
    return /^[\p{L}\p{N}._: -]+$/u.test(word) ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`;
  };

  // Whatever the language calls it, a period's year stands first, and then its quarter.
  const periodIn = (text, kind) => {
    const [year, part] = text.match(/\d+/g);
    return kind === "quarter" ? `${year}-Q${part}` : year;
  };

  const showOrigin = (figure, period) => originsOf(figure.dataset.origins).then((found) => {
    const { drug, name, unit } = figure.dataset;
    // An address may hold a period that never was, or one of another kind.
    const cells = [...figure.querySelectorAll(".periods")].flatMap((table) => [...table.tBodies[0].rows]
      .map((row) => row.cells[0]).filter((cell) => periodIn(cell.textContent, table.dataset.kind) === period));
    const place = figure.dataset.origins.startsWith("network-") ? said.everywhere : visible(document.querySelector("h1").textContent);
    const title = filled(said.origin, { drug: name, place, period: cells.length ? cells[0].textContent : period });
    const isSite = Boolean(found.days);
    const [n, rows] = (isSite ? daysTable : sitesTable)(found, drug, period, title);
    if (!n && !cells.length) { return; }
    const command = `permille explain ${pasted(unit)} ${pasted(drug)} --period ${period}`;
    document.getElementById("origin-title").textContent = title;
    document.getElementById("origin-text").textContent = n
      ? filled(isSite ? said.ofDays : said.ofSites, { n }) : filled(said.notKept, { command });
    stack(rows);
    document.getElementById("origin-table").replaceChildren(...(n ? [rows] : []));
    document.getElementById("origin-more").textContent = n ? filled(said.again, { command }) : "";
    if (!dialog.open) { dialog.showModal(); }
  });

  // The address holds what is open: it can be sent, and the way back closes it.
  const followAddress = () => {
    const [, drug, period] = location.hash.match(/^#origin=([^/]+)\/(\d{4}(?:-Q[1-4]|-\d{2})?)$/) || [];
    const figures = [...document.querySelectorAll("figure[data-origins]")];
    // As it stands in the address: one that somebody cut off cannot be taken apart.
    const figure = figures.find((one) => encodeURIComponent(one.dataset.drug) === drug);
    if (figure) {
      figure.scrollIntoView();
      showOrigin(figure, period);
    } else if (dialog.open) {
      dialog.close();
    }
  };
  const askFor = (figure, period) => { location.hash = `origin=${encodeURIComponent(figure.dataset.drug)}/${period}`; };

  // Said once a page, above its first trend: without a script there is nothing to click, nor on paper.
  const first = document.querySelector("figure[data-origins]");
  const reading = first?.closest("section").querySelector(":scope > p.key");
  if (reading) {
    const clicks = element("span", ` ${"areas" in first.dataset ? said.clicksOfAreas : said.clicks}`);
    clicks.className = "clicks";
    reading.append(clicks);
  }

  document.querySelectorAll("figure[data-origins]").forEach((figure) => {
    figure.querySelectorAll(".periods tbody th").forEach((cell) => {
      const period = periodIn(cell.textContent, cell.closest("table").dataset.kind);
      const button = element("button", ...cell.childNodes);
      button.type = "button";
      button.className = "origin";
      button.title = filled(said.show, { period: button.textContent });
      button.addEventListener("click", () => askFor(figure, period));
      cell.append(button);
    });
    const plot = figure.querySelector(".plot");
    plot.addEventListener("drawn", () => plot.on("plotly_click", ({ points: [point] }) => {
      const { meta } = point.data;
      const [period] = point.customdata || [];
      if (period && meta === "origin") {
        askFor(figure, period);
      } else if (period && Array.isArray(meta)) {
        location.href = `${body.dataset.root}${meta[1]}#origin=${encodeURIComponent(figure.dataset.drug)}/${period}`;
      }
    }));
  });

  if (dialog) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      if (location.hash.startsWith("#origin=")) { history.replaceState(null, "", location.pathname); }
    });
    window.addEventListener("hashchange", followAddress);
    followAddress();
  }
})();
