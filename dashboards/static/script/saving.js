// What is taken along: the numbers and the picture of a figure.
(() => {
  "use strict";
  const { element, escaped, figureOf, known, linesOf, said, template, withApart } = window.permille;

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
})();
