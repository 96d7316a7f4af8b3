// Fits a figure to the width it has: the library breaks no line, and cuts off what is too long.
(() => {
  "use strict";
  const { visible } = window.permille;

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

  Object.assign(window.permille, { HEAD, escaped, linesOf, withApart, fitted });
})();
