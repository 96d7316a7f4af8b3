// Draws two series that are chosen, with their numbers. What is chosen stands in the address: it can be sent.
"use strict";
(() => {
  const { escaped, stack, script, unpacked, drawGiven, element, delivered, filled, visible } = window.permille;
  const of = (id) => document.getElementById(id);
  const { words, periods, drugs, addresses, start, simulated } = JSON.parse(of("compare-data").textContent);
  const { body } = document;
  const form = of("choose");
  const figure = of("compared");
  const plot = figure.querySelector(".plot");
  const note = of("compare-note");
  const index = of("as-index");
  const sides = ["a", "b"].map((side) => ({ place: of(`place-${side}`), drug: of(`drug-${side}`) }));
  const fetched = new Map();

  const height = 460;
  plot.style.height = `${height}px`;
  const watermark = {
    text: simulated, xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, textangle: -20, opacity: 0.22,
    font: { size: 22, color: "#8a919b" },
  };

  const placeOf = (name) => {
    if (!fetched.has(name)) {
      // One after the other: each script leaves what it holds under the same name.
      const before = [...fetched.values()].at(-1) || Promise.resolve();
      fetched.set(name, before.then(() => script(`${body.dataset.static}../data/series/${name}.js`))
        .then(() => unpacked(window.permilleSeries)));
    }
    return fetched.get(name);
  };

  // Three digits that say something, as all pages have them.
  const few = new Intl.NumberFormat("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const formatted = (value) => {
    if (value === null) { return "–"; }
    return value === 0 ? "0" : (value >= 99.95 ? whole : few).format(value);
  };

  const nameOf = ({ place, drug }) => `${drugs[drug.value][0]} – ${place.selectedOptions[0].textContent}`;

  // Two of one drug have its colour and another one; forms and dashes tell them apart as well.
  const coloursOf = () => {
    const [a, b] = sides.map(({ drug }) => drugs[drug.value][1]);
    const other = a === "#d55e00" ? "#1079ba" : "#d55e00";
    return [a, a === b ? other : b];
  };
  const faint = (colour) => `rgba(${[1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)).join(",")},0.16)`;

  const tracesOf = (series, name, colour, isSecond, scale, hasBand) => {
    const scaled = (value) => (value === null ? null : value * scale);
    const pieces = series.periods.reduce((found, row) => {
      if (row[3] === null || row[4] === null) { found.push([]); } else { found.at(-1).push(row); }
      return found;
    }, [[]]).filter((piece) => piece.length);
    const band = pieces.map((piece) => ({
      type: "scatter", mode: "lines", fill: "toself", fillcolor: faint(colour), line: { width: 0 }, hoverinfo: "skip", showlegend: false,
      x: [...piece.map((row) => row[1]), ...piece.map((row) => row[1]).reverse()],
      y: [...piece.map((row) => scaled(row[4])), ...piece.map((row) => scaled(row[3])).reverse()],
    }));
    return [...(hasBand ? band : []), {
      type: "scatter", mode: "lines+markers", name: escaped(name), x: series.periods.map((row) => row[1]),
      y: series.periods.map((row) => scaled(row[2])), text: series.periods.map((row) => periods[row[0]] || row[0]),
      customdata: series.periods.map((row) => formatted(row[2])),
      line: { color: colour, width: 3, dash: isSecond ? "6px,4px" : "solid" },
      marker: { color: colour, size: 8, symbol: isSecond ? "square" : "circle" },
      hovertemplate: `${words.hover}<extra>${escaped(name)}</extra>`,
    }];
  };

  const cell = (row) => {
    if (!row || row[2] === null) { return element("td", "–"); }
    const [, , mean, low, high] = row;
    const ends = low === null ? [] : [element("small", filled(words.ends, { low: formatted(low), high: formatted(high) }))];
    return element("td", formatted(mean), ...ends);
  };
  const head = (scope, ...children) => {
    const made = element("th", ...children);
    made.scope = scope;
    return made;
  };

  const tabulate = (both, names) => {
    const table = of("compare-periods");
    const byPeriod = both.map((series) => new Map(series.periods.map((row) => [row[0], row])));
    const all = [...new Set(byPeriod.flatMap((rows) => [...rows.keys()]))].sort();
    const caption = table.caption.querySelector("span");
    const mark = caption.querySelector("strong");
    caption.replaceChildren(...(mark ? [mark, " "] : []), visible(filled(words.caption, { a: names[0], b: names[1] })));
    table.tHead.replaceChildren(element("tr", head("col", words.period), ...names.map((name) => {
      const made = head("col", delivered(name), element("small", words.interval));
      made.className = "number";
      return made;
    })));
    table.tBodies[0].replaceChildren(...all.map((period) => element("tr", head("row", periods[period] || period),
      ...byPeriod.map((rows) => cell(rows.get(period))))));
    of("compare-changes").querySelector("tbody").replaceChildren(...both.map((series, n) => {
      const link = element("a", delivered(names[n]));
      link.href = `${body.dataset.root}${addresses[sides[n].place.value]}`;
      const said = series.said[body.dataset.language].slice(0, 7);
      const [before, now, change, interval, ...rest] = said;
      const cells = [element("td", before), element("td", now), element("td", change, element("small", interval))];
      return element("tr", head("row", link), ...cells, ...rest.map((text) => {
        const made = element("td", text);
        made.className = "text";
        return made;
      }));
    }));
    stack(of("compare-changes").querySelector("table"));
    stack(table, true);
  };

  const tell = (text) => {
    note.textContent = text;
    note.hidden = !text;
  };

  let unknown = [];
  const draw = async () => {
    const names = sides.map(nameOf);
    const found = await Promise.all(sides.map(({ place }) => placeOf(place.value)));
    const both = sides.map(({ drug }, n) => found[n][drug.value]);
    const missing = sides.find((_, n) => !both[n]);
    figure.hidden = of("compare-changes").hidden = Boolean(missing);
    if (missing) {
      tell(filled(words.missing, { drug: drugs[missing.drug.value][0], place: missing.place.selectedOptions[0].textContent }));
      return;
    }
    const without = both.findIndex((series) => !series.baseline);
    const isIndex = index.checked && without < 0;
    const noIndex = index.checked && !isIndex ? filled(words.noIndex, { series: names[without] }) : "";
    const notHere = unknown.length ? filled(words.unknown, { names: unknown.map(visible).join(", ") }) : "";
    tell([notHere, names[0] === names[1] ? words.same : noIndex].filter(Boolean).join(words.between));
    const finding = both.map((series, n) => filled(words.finding, { name: names[n], change: series.said[body.dataset.language][7] }))
      .join(words.between);
    of("compare-finding").textContent = finding;
    tabulate(both, names);
    const colours = coloursOf();
    const scales = both.map((series) => (isIndex ? 100 / series.baseline : 1));
    const data = both.flatMap((series, n) => tracesOf(series, names[n], colours[n], n === 1, scales[n], !isIndex));
    await drawGiven(plot, { data, layout: {
      title: { text: escaped(names.join(" / ")), subtitle: { text: simulated } }, height, showlegend: true,
      annotations: simulated ? [watermark] : [],
      xaxis: { type: "date", tickformat: "%Y", ticklabelmode: "period" },
      yaxis: { title: { text: isIndex ? words.index : words.axis, standoff: 8 }, rangemode: "tozero" },
    } });
    document.documentElement.classList.add("figures-drawn");
  };

  // #place/drug,place/drug,index: as much of it as is there; what it does not say stays.
  const follow = () => {
    const parts = location.hash.slice(1).split(",");
    const wanted = parts.filter((part) => part.includes("/")).map((part) => part.split("/"));
    const chosen = wanted.length ? wanted : start;
    // One that is given is compared with what stood there, or with the same drug in all places.
    const both = chosen.length > 1 ? chosen : [chosen[0], chosen[0][0] === start[0][0] ? start[1] : [start[0][0], chosen[0][1]]];
    unknown = both.slice(0, 2).flatMap(([name, wantedDrug]) => [
      ...(Object.hasOwn(addresses, name) ? [] : [name]), ...(Object.hasOwn(drugs, wantedDrug) ? [] : [wantedDrug]),
    ]).filter(Boolean);
    sides.forEach(({ place, drug }, n) => {
      const [name, wantedDrug] = both[n];
      if (Object.hasOwn(addresses, name)) { place.value = name; }
      if (Object.hasOwn(drugs, wantedDrug)) { drug.value = wantedDrug; }
    });
    index.checked = parts.includes("index");
    return draw();
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    const hash = `#${sides.map(({ place, drug }) => `${place.value}/${drug.value}`).join(",")}${index.checked ? ",index" : ""}`;
    history.replaceState(null, "", hash);
    unknown = [];
    draw();
  });
  window.addEventListener("hashchange", follow);
  follow();
})();
