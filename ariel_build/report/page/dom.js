// Elements. Text is set as text, attributes as attributes: nothing of the report is ever read as HTML.
const SVG = "http://www.w3.org/2000/svg";

const fill = (element, properties, children) => {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

ariel.el = (tag, properties = {}, ...children) => fill(document.createElement(tag), properties, children);
ariel.svg = (tag, properties = {}, ...children) => fill(document.createElementNS(SVG, tag), properties, children);
ariel.by = (id) => document.getElementById(id);

// A section with its heading, what it says of itself, and controls beside that; an entry in the list of sections.
ariel.section = (id, title, about, ...controls) => {
  const { el, by } = ariel;
  const heading = el("div", {}, el("h2", { id: `${id}-title`, text: title }), about && el("p", { class: "quiet", text: about }));
  const head = el("div", { class: "head" }, heading, controls.length ? el("div", { class: "controls" }, ...controls) : null);
  const section = el("section", { id, "aria-labelledby": `${id}-title` }, head);
  by("main").append(section);
  by("sections").append(el("a", { href: `#${id}`, text: title }));
  return section;
};

ariel.facts = (pairs) => {
  const list = ariel.el("dl", { class: "facts" });
  for (const [name, value] of pairs) {
    if (value === null || value === undefined || value === "") continue;
    list.append(ariel.el("dt", { text: name }), value instanceof Node ? ariel.el("dd", {}, value) : ariel.el("dd", { text: value }));
  }
  return list;
};

ariel.table = (columns, rows) => {
  const { el } = ariel;
  const cell = (tag, value, index, more = {}) => {
    const kind = columns[index].number ? "number" : null;
    const inner = value instanceof Node ? el(tag, { class: kind, ...more }, value) : el(tag, { class: kind, text: value, ...more });
    return inner;
  };
  const head = el("tr", {}, ...columns.map((column, k) => cell("th", column.label, k, { scope: "col" })));
  const body = rows.map((row) => el("tr", {}, ...row.map((value, k) => (k ? cell("td", value, k) : cell("th", value, k, { scope: "row" })))));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...body));
};
