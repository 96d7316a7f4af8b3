// What is on a long page, and the way to it.
(() => {
  "use strict";
  const { element, said } = window.permille;

  const FEW = 3;
  const link = (heading, id) => {
    const made = element("a", heading.textContent);
    made.href = `#${id}`;
    return made;
  };
  // A heading below another one has no address of its own, but the figure under it has.
  const below = (section) => [...section.querySelectorAll("h3")].filter((heading) => heading.nextElementSibling?.matches("figure[id]"))
    .map((heading) => element("li", link(heading, heading.nextElementSibling.id)));
  const sections = [...document.querySelectorAll("main > section")].filter((section) => section.querySelector("h2[id]"));
  const items = sections.map((section) => {
    const heading = section.querySelector("h2[id]");
    const inner = below(section);
    return element("li", link(heading, heading.id), ...(inner.length ? [element("ul", ...inner)] : []));
  });
  const list = element("ul", ...items);
  if (said && list.querySelectorAll("a").length > FEW) {
    const contents = element("nav", element("span", said.onThisPage), list);
    contents.className = "contents";
    contents.setAttribute("aria-label", said.onThisPage);
    sections[0].before(contents);
  }
})();
