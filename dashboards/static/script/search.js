// Finds places and drugs.
(() => {
  "use strict";
  const { filled, said, script } = window.permille;
  const { body } = document;

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
