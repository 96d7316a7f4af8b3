// Draws each figure from the JSON that stands beside it, and follows light and dark. Nothing is asked of any network.
"use strict";
(() => {
  const plots = [...document.querySelectorAll(".plot[data-figure]")];
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, showTips: false };

  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();

  const draw = (plot) => {
    const { data, layout } = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
    layout.font = { ...layout.font, color: ink() };
    plot.replaceChildren();
    plot.classList.add("drawn");
    return Plotly.newPlot(plot, data, layout, config);
  };

  const recolour = (colour) => plots.forEach((plot) => Plotly.relayout(plot, { "font.color": colour }));

  if (typeof Plotly === "undefined") {
    return; // the tables hold the numbers
  }
  Promise.all(plots.map(draw)).then(() => {
    document.documentElement.classList.add("figures-drawn");
    scheme.addEventListener("change", () => recolour(ink()));
    // Paper is narrower than most windows: figures take its width while it is laid out.
    const redraw = (colour) => plots.forEach((plot) => {
      Plotly.relayout(plot, { "font.color": colour });
      Plotly.Plots.resize(plot);
    });
    window.matchMedia("print").addEventListener("change", (print) => redraw(print.matches ? "#000000" : ink()));
    window.addEventListener("beforeprint", () => redraw("#000000"));
    window.addEventListener("afterprint", () => redraw(ink()));
  });
})();
