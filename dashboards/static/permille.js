// Draws figures when they come near, finds places, keeps the place when the language is switched. Nothing is asked of
// any network: pages are opened from the disk.
"use strict";
(() => {
  const body = document.body;
  const remembered = (name) => {
    try { return localStorage.getItem(name); } catch { return null; } // a browser may forbid it to pages from the disk
  };
  const remember = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* then it asks again next time */ }
  };
  const script = (address) => new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = address;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${address} is missing`));
    document.head.append(element);
  });

  // The first page leads to the language that was read last, or that the browser asks for.
  if (body.dataset.chooses) {
    const known = body.dataset.chooses.split(" ");
    const wanted = [remembered("permille-language"), ...(navigator.languages || [])];
    const found = wanted.map((code) => (code || "").slice(0, 2)).find((code) => known.includes(code));
    location.replace(`${found || known[0]}/index.html`);
    return;
  }

  // --- figures: the drawing library is fetched only where there are any ------------------------------------------------
  const plots = [...document.querySelectorAll(".plot[data-figure]")];
  const { template, words: said } = window.permilleWords || {};
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, showTips: false };
  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const drawn = new Map();

  const unpacked = (text) => {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };

  // A page has many figures, and they are long: packed together, or as they are where there is one.
  let figures = null;
  const figureOf = async (plot) => {
    const island = document.getElementById(plot.dataset.figure);
    if (island) { return JSON.parse(island.textContent); }
    figures = figures || unpacked(document.getElementById("figures").textContent).then((pairs) => new Map(pairs));
    return (await figures).get(plot.dataset.figure);
  };

  // Pages say above a figure what it finds, where it wraps as all text does: its own title is for pictures.
  const HEAD = 52;
  // Texts of figures are escaped, and measured as they are seen. "%{" would begin a field of a hover text.
  const plainOf = (text) => new DOMParser().parseFromString(text, "text/html").body.textContent;
  const escaped = (text) => visible(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/%\{/g, "%&#123;");

  // Chinese may be broken anywhere, but for what may not begin or end a line.
  const piecesOf = (text) => [...text].reduce((pieces, sign) => {
    const isLast = /[，。；：、）」]/.test(sign);
    if (isLast && !pieces.at(-1) && pieces.length > 1) { pieces.pop(); }
    pieces[pieces.length - 1] += sign;
    if (/\s/.test(sign) || (/[\u3000-\u9fff\uff00-\uffef]/.test(sign) && sign !== "（")) { pieces.push(""); }
    return pieces;
  }, [""]);
  const linesOf = (text, most, font) => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = font;
    const isWide = (piece) => pen.measureText(piece.trimEnd()).width > most;
    // A word that is wider than all of a line is broken where it must be.
    return piecesOf(text).flatMap((piece) => (isWide(piece) ? [...piece] : [piece])).reduce((lines, piece) => {
      const longer = lines.at(-1) + piece;
      return isWide(longer) && lines.at(-1) ? [...lines, piece] : [...lines.slice(0, -1), longer];
    }, [""]);
  };
  const broken = (text, most, font) => linesOf(plainOf(text), most, font).map(escaped).join("<br>");

  // Names beside a figure leave room for it on a narrow screen: in as many lines as that takes.
  const NARROW = 600;
  const namesOf = ({ data, layout: { yaxis } }) => yaxis?.ticktext || (yaxis?.type === "category" ? data[0].y : null);
  const withNames = (plot, figure, layout) => {
    const names = plot.clientWidth < NARROW && namesOf(figure);
    if (!names) { return layout; }
    const size = 11;
    const most = 0.36 * plot.clientWidth;
    const lines = names.map((name) => broken(name, most, `${size}px ${layout.template.layout.font.family}`));
    const more = names.length * 8 * (Math.max(...lines.map((of) => of.split("<br>").length)) - 1);
    return {
      ...layout, height: layout.height && layout.height + more,
      margin: { ...layout.margin, r: layout.annotations?.some(({ xshift }) => xshift) ? 56 : 16 },
      yaxis: {
        ...layout.yaxis, tickfont: { size }, tickvals: layout.yaxis.tickvals || names, ticktext: lines,
      },
    };
  };

  // What an axis is of stands in the middle of it, and the library cuts off what is longer.
  const withAxis = (plot, figure, layout) => {
    const { title } = layout.xaxis || {};
    if (!title?.text) { return layout; }
    const room = plot.clientWidth * (namesOf(figure) ? 0.6 : 0.8);
    const lines = linesOf(title.text, room, `13px ${layout.template.layout.font.family}`);
    const more = 18 * (lines.length - 1);
    const margin = { ...layout.margin, b: (layout.margin?.b ?? layout.template.layout.margin.b) + more };
    return {
      ...layout, margin, height: layout.height && layout.height + more,
      xaxis: { ...layout.xaxis, title: { ...title, text: lines.join("<br>") } },
    };
  };

  // Names along lines that lie close together: to the right of theirs, else to the left, else only in the caption.
  const withApart = (plot, layout) => {
    const [first, last] = (layout.xaxis?.range || []).map((day) => new Date(day).getTime());
    const along = (layout.annotations || []).filter(({ textangle }) => textangle === 90);
    if (!along.length || !last) { return layout; }
    const each = 14;
    const wide = plot.clientWidth - 68;
    const at = ({ x }) => (new Date(x).getTime() - first) / (last - first) * wide;
    const taken = [];
    const free = (from, { y }) => taken.every(([start, above]) => above !== (y > 0.5) || Math.abs(start - from) >= each);
    const placed = new Map(along.map((name) => {
      const from = [at(name), at(name) - each].find((start) => start > -each && start + each <= wide + 8 && free(start, name));
      if (from === undefined) { return [name, null]; }
      taken.push([from, name.y > 0.5]);
      return [name, { ...name, xanchor: from < at(name) ? "right" : "left" }];
    }));
    return { ...layout, annotations: layout.annotations.map((name) => (placed.has(name) ? placed.get(name) : name)).filter(Boolean) };
  };

  // Nor does the library break what a key says.
  const withKeys = (plot, { data, layout }) => data.map((trace) => (trace.name && trace.showlegend !== false
    ? { ...trace, name: broken(trace.name, 0.5 * plot.clientWidth, `13px ${layout.template.layout.font.family}`) } : trace));

  const fitted = (plot, figure) => {
    const { layout } = figure;
    const top = (layout.margin?.t ?? layout.template.layout.margin.t) - HEAD;
    const inPage = {
      ...layout, title: undefined, height: layout.height && layout.height - HEAD, margin: { ...layout.margin, t: top },
    };
    const made = withApart(plot, withAxis(plot, figure, withNames(plot, figure, inPage)));
    if (made.height) { plot.style.height = `${made.height}px`; }
    return [withKeys(plot, figure), made];
  };

  const known = new Map();
  const fittedTo = new Map();
  const drawAnew = async (plot) => {
    // What is known is drawn at once: a page that is about to be printed waits for nothing.
    const { data, layout } = known.get(plot) || await figureOf(plot);
    layout.template = layout.template || template;
    layout.font = { ...layout.font, color: ink() };
    plot.replaceChildren();
    fittedTo.set(plot, plot.clientWidth);
    await Plotly.newPlot(plot, ...fitted(plot, { data, layout }), config);
    plot.classList.add("drawn");
    plot.dispatchEvent(new Event("drawn"));
  };

  const draw = (plot) => {
    if (!drawn.has(plot)) { drawn.set(plot, drawAnew(plot)); }
    return drawn.get(plot);
  };

  const restyle = (colour) => [...drawn].forEach(([plot, done]) => done.then(() => {
    Plotly.relayout(plot, { "font.color": colour });
    Plotly.Plots.resize(plot);
  }));

  const library = () => (typeof Plotly === "undefined" ? script(`${body.dataset.static}plotly.min.js`) : Promise.resolve());

  let isListening = false;
  const listen = () => {
    if (isListening) { return; }
    isListening = true;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => restyle(ink()));
    // Paper is narrower than most windows, and what was not looked at yet is printed as well.
    window.addEventListener("beforeprint", () => { plots.forEach(draw); restyle("#000000"); });
    window.addEventListener("afterprint", () => restyle(ink()));
    // What was fitted to another width, as when a phone is turned.
    let isWaiting = null;
    window.addEventListener("resize", () => {
      clearTimeout(isWaiting);
      isWaiting = setTimeout(() => [...drawn].forEach(([plot, done]) => done.then(() => {
        if (plot.clientWidth && plot.clientWidth !== fittedTo.get(plot)) { drawn.set(plot, drawAnew(plot)); }
      })), 200);
    });
  };

  const undrawn = (which, error) => {
    console.error(error.message);
    which.forEach((plot) => { if (said) { plot.textContent = said.undrawn; } });
    document.querySelectorAll("button.picture").forEach((button) => button.remove());
  };

  // A figure that a page makes itself, in place of what it drew there before.
  const drawGiven = (plot, figure) => library().then(() => {
    listen();
    known.set(plot, figure);
    if (!plots.includes(plot)) { plots.push(plot); }
    drawn.set(plot, drawAnew(plot));
    return drawn.get(plot);
  }, (error) => undrawn([plot], error));

  const start = () => {
    const near = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (entry.isIntersecting) {
        near.unobserve(entry.target);
        draw(entry.target);
      }
    }), { rootMargin: "600px" });
    plots.forEach((plot) => figureOf(plot).then((figure) => known.set(plot, figure)));
    const high = window.innerHeight + 600;
    const first = plots.filter((plot) => plot.getBoundingClientRect().top < high);
    Promise.all(first.map(draw)).then(() => document.documentElement.classList.add("figures-drawn"));
    plots.filter((plot) => !drawn.has(plot)).forEach((plot) => near.observe(plot));
    listen();
  };

  plots.forEach((plot) => {
    if (plot.dataset.height) { plot.style.height = `${plot.dataset.height - HEAD}px`; }
  });
  if (plots.length) {
    // Where it is missing the tables hold the numbers.
    library().then(start, (error) => undrawn(plots, error));
  } else if (!document.querySelector(".plot")) {
    document.documentElement.classList.add("figures-drawn");
  }

  // --- languages: the same page, at the same place ---------------------------------------------------------------------
  document.querySelectorAll("a[data-keeps-place]").forEach((link) => link.addEventListener("click", () => {
    remember("permille-language", link.hreflang);
    link.hash = location.hash;
  }));

  // --- origins: the days, sites and cells behind a point -----------------------------------------------------------------
  const dialog = document.getElementById("origin");
  const fetchedOrigins = new Map();
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 9 });
  const formatted = (value) => (value === null || value === undefined ? "–" : number.format(value));
  // Marks that cannot be seen but change what is, as the pages have them.
  const visible = (text) => String(text).replace(/[\t\n\r]/g, " ").replace(/\p{C}/gu, "\ufffd");
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  const element = (tag, ...children) => {
    const made = document.createElement(tag);
    made.append(...children);
    return made;
  };
  const delivered = (text) => element("bdi", visible(text));
  // On a narrow screen the rows of tables with words in them are stacked: each cell says what its column is.
  const stack = (table, isAlways = false) => {
    if (!isAlways && !table.querySelector("td.text")) { return; }
    table.classList.add("stacks");
    const heads = [...table.tHead.rows[0].cells].map((cell) => [...cell.childNodes].map((node) => node.textContent).join(", "));
    [...table.tBodies[0].rows].forEach((row) => [...row.cells].forEach((cell, at) => { cell.dataset.column = heads[at]; }));
  };
  document.querySelectorAll(".scroll > table").forEach((table) => stack(table));

  window.permille = { escaped, stack, script, unpacked, drawGiven, element, delivered, filled, visible };

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
  // --- what is taken along: the numbers and the picture of a figure ------------------------------------------------------
  const save = (name, address) => {
    const link = element("a");
    link.href = address;
    link.download = name;
    link.click();
  };

  // A spreadsheet runs a text that begins like a formula: an apostrophe before it keeps it a text. Numbers stay numbers.
  const safe = (text) => (/^[=+\-@\t\r\n＝＋－＠]/u.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text);
  const quoted = (text) => `"${safe(text.replace(/\s+/g, " ").trim()).replace(/"/g, '""')}"`;
  const SIZE = "[+\u2212-]?\\d[\\d,]*(?:\\.\\d+)?(?: ?%)?";
  const NUMBER = new RegExp(`^${SIZE}$`);
  const ENDS = said && new RegExp(`^${said.ends.replace("{low}", `(${SIZE})`).replace("{high}", `(${SIZE})`)}$`);
  const bare = (text) => (NUMBER.test(text) ? text.replace(/[+,%\s]/g, "").replace("\u2212", "-") : text.replace(/^–$/, ""));
  const isAnswer = (cell) => cell.matches("td:not(.text)");

  // What stands small below a number is a column of its own, an interval is two, and % stands in the head.
  const apart = (cell) => {
    const small = [...cell.querySelectorAll(":scope > small")];
    const rest = [...cell.childNodes].filter((node) => !small.includes(node) && !(node.matches && node.matches(".sign")));
    return [rest, small].map((nodes) => nodes.map((node) => node.textContent).join(" ").trim());
  };
  const columnsOf = (cells) => {
    const [[name, below], ...texts] = cells.map(apart);
    const whole = ([text, small]) => [text, small && `(${small})`].filter(Boolean).join(" ");
    if (!cells.slice(1).some(isAnswer)) { return [[name, ...texts.map(whole)]]; }
    // By what the head says, so that a table has the same columns whatever is in it.
    const both = below ? [[name, ...texts.map(([text]) => text)], [below, ...texts.map(([, text]) => text)]]
      : [[name, ...texts.map(whole)]];
    return both.flatMap(([title, ...of]) => {
      const head = of.some((text) => text.endsWith("%")) ? `${title} [%]` : title;
      if (title !== said.interval) { return [[head, ...of.map(bare)]]; }
      const ends = of.map((text) => text.match(ENDS));
      return [said.low, said.high].map((end, at) => [`${head}, ${end}`, ...ends.map((found) => (found ? bare(found[at + 1]) : ""))]);
    });
  };
  const asCsv = (shown) => {
    const rows = [...shown.rows];
    const columns = [...rows[0].cells].flatMap((_, at) => columnsOf(rows.map((row) => row.cells[at])));
    return [shown.caption.textContent, ...rows.map((_, at) => columns.map((column) => column[at]))]
      .map((row) => [row].flat().map(quoted).join(",")).join("\r\n");
  };

  // A picture says what stands above the figure, and on whose page: it is looked at elsewhere.
  const WIDE = 1200;
  const onPaper = (figure, layout) => {
    const { font, title, margin } = layout.template.layout;
    const [finding, shown] = ["strong", "small"].map((tag) => figure.querySelector(`figcaption ${tag}`)?.textContent || "");
    const lines = linesOf(finding, WIDE - 48, `${title.font.size}px ${font.family}`);
    const more = 20 * (lines.length - 1);
    const about = [document.querySelector("h1").textContent, shown, document.querySelector(".home").textContent];
    return {
      ...withApart({ clientWidth: WIDE }, layout), paper_bgcolor: "#ffffff", font: { ...layout.font, color: "#1b2530" },
      height: (layout.height || 675) + more,
      margin: { ...margin, ...layout.margin, t: (layout.margin?.t ?? margin.t) + more, r: 32 },
      title: {
        text: lines.map(escaped).join("<br>"), subtitle: { text: about.filter(Boolean).map(escaped).join(" · ") },
        pad: { t: 8 + more, l: 16 },
      },
    };
  };

  const nameOf = (figure) => `${location.pathname.split("/").pop().replace(".html", "")}-${figure.id}`;
  // A page of a single figure says nothing by script.
  document.querySelectorAll(said ? "figure:has(table)" : "no-figure").forEach((figure) => {
    const button = (text, kind, work) => {
      const made = element("button", text);
      made.type = "button";
      made.className = `save ${kind}`;
      made.addEventListener("click", work);
      return made;
    };
    const plot = figure.querySelector(".plot");
    figure.querySelector("details").before(element("p",
      button(said.saveNumbers, "numbers", () => {
        const file = new Blob(["\ufeff", asCsv(figure.querySelector("table"))], { type: "text/csv" });
        const address = URL.createObjectURL(file);
        save(`${nameOf(figure)}.csv`, address);
        URL.revokeObjectURL(address);
      }), " ",
      button(said.savePicture, "picture", async () => {
        const { data, layout } = known.get(plot) || await figureOf(plot);
        const paper = onPaper(figure, { ...layout, template });
        Plotly.toImage({ data, layout: paper }, { format: "png", width: WIDE, height: paper.height, scale: 2 })
          .then((address) => save(`${nameOf(figure)}.png`, address));
      })));
  });

  if (dialog) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      if (location.hash.startsWith("#origin=")) { history.replaceState(null, "", location.pathname); }
    });
    window.addEventListener("hashchange", followAddress);
    followAddress();
  }

  // --- search ----------------------------------------------------------------------------------------------------------
  const search = document.querySelector("form.search");
  if (!search) { return; }
  const input = search.querySelector("input");
  const list = search.querySelector("ul");
  const count = search.querySelector("[role=status]");
  const most = 12;
  let index = null;

  const plain = (text) => text.toLocaleLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");

  const show = () => {
    const wanted = plain(input.value.trim());
    const found = wanted ? index.filter(([name, , , also]) => plain(`${name} ${also}`).includes(wanted)) : [];
    list.replaceChildren(...found.slice(0, most).map(([name, kind, address]) => {
      const link = document.createElement("a");
      link.href = body.dataset.root + address;
      const text = document.createElement("bdi");
      text.textContent = name;
      const small = document.createElement("small");
      small.textContent = kind;
      link.append(text, " ", small);
      const item = document.createElement("li");
      item.append(link);
      return item;
    }));
    list.hidden = !found.length;
    count.textContent = wanted ? (found.length ? filled(said.found, { n: found.length }) : said.nothing) : "";
  };

  const fetched = () => {
    index = index || script(`${body.dataset.static}search-${body.dataset.language}.js`).then(() => {
      index = window.permilleSearch;
    });
    return Promise.resolve(index);
  };

  search.hidden = false;
  input.addEventListener("focus", fetched, { once: true });
  input.addEventListener("input", () => fetched().then(show));
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = list.querySelector("a");
    if (first) { first.click(); }
  });
  search.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const here = links.indexOf(document.activeElement);
    if (event.key === "Escape") {
      input.value = "";
      show();
      input.focus();
    } else if (event.key === "ArrowDown" && links.length) {
      event.preventDefault();
      links[Math.min(here + 1, links.length - 1)].focus();
    } else if (event.key === "ArrowUp" && here >= 0) {
      event.preventDefault();
      (here ? links[here - 1] : input).focus();
    }
  });
})();
