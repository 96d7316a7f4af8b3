// What is on a long page, and the way to it.
(() => {
  "use strict";
  const { element, said } = window.permille;

  const FEW = 3;
  const link = (name, id) => {
    const made = element("a", name);
    made.href = `#${id}`;
    return element("li", made);
  };
  // A heading without an address of its own stands above a figure that has one.
  const links = [...document.querySelectorAll("main h2[id], main h3:has(+ figure[id])")]
    .map((heading) => link(heading.textContent, heading.id || heading.nextElementSibling.id));
  const first = document.querySelector("main > section");
  if (said && first && links.length > FEW) {
    const contents = element("nav", element("span", said.onThisPage), element("ul", ...links));
    contents.className = "contents";
    contents.setAttribute("aria-label", said.onThisPage);
    first.before(contents);
  }
})();
