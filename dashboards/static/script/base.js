// What all parts use, the choice of a language, tables on narrow screens. Nothing is asked of any network: pages are
// opened from the disk.
(() => {
  "use strict";
  const { body } = document;

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
  }

  const { template, words: said } = window.permilleWords || {};

  const unpacked = (text) => {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };

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

  document.querySelectorAll("a[data-keeps-place]").forEach((link) => link.addEventListener("click", () => {
    remember("permille-language", link.hreflang);
    link.hash = location.hash;
  }));

  window.permille = { template, said, script, unpacked, visible, filled, element, delivered, stack };
})();
