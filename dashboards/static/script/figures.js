// Draws figures when they come near; the drawing library is fetched only where there are any.
(() => {
  "use strict";
  const { HEAD, fitted, said, script, template, unpacked } = window.permille;
  const { body } = document;

  const plots = [...document.querySelectorAll(".plot[data-figure]")];
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, showTips: false };
  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const drawn = new Map();

  // A page has many figures, and they are long: packed together, or as they are where there is one.
  let figures = null;
  const figureOf = async (plot) => {
    const island = document.getElementById(plot.dataset.figure);
    if (island) { return JSON.parse(island.textContent); }
    figures = figures || unpacked(document.getElementById("figures").textContent).then((pairs) => new Map(pairs));
    return (await figures).get(plot.dataset.figure);
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

  Object.assign(window.permille, { drawGiven, figureOf, known });
})();
