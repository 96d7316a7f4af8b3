// Draws figures when they come near, finds places, keeps the place when the language is switched. Nothing is asked of
// any network: pages are opened from the disk.
"use strict";
(() => {
  const body = document.body;
  const parsed = (id) => {
    const island = document.getElementById(id);
    return island ? JSON.parse(island.textContent) : null;
  };
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
  const template = parsed("template");
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, showTips: false };
  const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const drawn = new Map();

  const draw = (plot) => {
    if (!drawn.has(plot)) {
      const { data, layout } = parsed(plot.dataset.figure);
      layout.template = layout.template || template;
      layout.font = { ...layout.font, color: ink() };
      plot.replaceChildren();
      plot.classList.add("drawn");
      drawn.set(plot, Plotly.newPlot(plot, data, layout, config));
    }
    return drawn.get(plot);
  };

  const restyle = (colour) => [...drawn.keys()].forEach((plot) => {
    Plotly.relayout(plot, { "font.color": colour });
    Plotly.Plots.resize(plot);
  });

  const start = () => {
    const near = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (entry.isIntersecting) {
        near.unobserve(entry.target);
        draw(entry.target);
      }
    }), { rootMargin: "600px" });
    const high = window.innerHeight + 600;
    const first = plots.filter((plot) => plot.getBoundingClientRect().top < high);
    Promise.all(first.map(draw)).then(() => document.documentElement.classList.add("figures-drawn"));
    plots.filter((plot) => !drawn.has(plot)).forEach((plot) => near.observe(plot));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => restyle(ink()));
    // Paper is narrower than most windows, and what was not looked at yet is printed as well.
    const print = () => { plots.forEach(draw); restyle("#000000"); };
    window.addEventListener("beforeprint", print);
    window.addEventListener("afterprint", () => restyle(ink()));
  };

  plots.forEach((plot) => {
    if (plot.dataset.height) { plot.style.height = `${plot.dataset.height}px`; }
  });
  if (plots.length && typeof Plotly !== "undefined") {
    start();
  } else if (plots.length) {
    // Where it is missing the tables hold the numbers.
    script(`${body.dataset.static}plotly.min.js`).then(start, (error) => console.error(error.message));
  } else {
    document.documentElement.classList.add("figures-drawn");
  }

  // --- languages: the same page, at the same place ---------------------------------------------------------------------
  document.querySelectorAll("a[data-keeps-place]").forEach((link) => link.addEventListener("click", () => {
    remember("permille-language", link.hreflang);
    link.hash = location.hash;
  }));

  // --- search ----------------------------------------------------------------------------------------------------------
  const search = document.querySelector("form.search");
  if (!search) { return; }
  const input = search.querySelector("input");
  const list = search.querySelector("ul");
  const count = search.querySelector("[role=status]");
  const said = parsed("words");
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
    count.textContent = wanted ? (found.length ? said.found.replace("{n}", found.length) : said.nothing) : "";
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
