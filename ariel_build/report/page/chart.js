// A drawing over time: as wide as the page, times its zoom; drawn again where either changes.
ariel.chart = (id, title, about, label, draw) => {
  const { el } = ariel;
  const zoom = el("input", { type: "range", min: "0", max: "6", step: "0.25", value: "0", "aria-label": `Zoom of the ${label}` });
  const section = ariel.section(id, title, about, el("label", { class: "zoom" }, "Zoom", zoom));
  const panel = el("div", { class: "panel" });
  section.append(panel);
  let drawn = 0;
  const again = () => {
    const width = Math.round(Math.max(panel.clientWidth, 320) * 2 ** Number(zoom.value));
    if (width === drawn) return;
    const middle = panel.scrollWidth ? (panel.scrollLeft + panel.clientWidth / 2) / panel.scrollWidth : 0;
    drawn = width;
    panel.replaceChildren(draw(width));
    panel.scrollLeft = middle * panel.scrollWidth - panel.clientWidth / 2;
  };
  zoom.addEventListener("input", again);
  new ResizeObserver(() => requestAnimationFrame(again)).observe(panel);
  again();
  return section;
};

ariel.legend = (entries) => {
  const { el, svg } = ariel;
  return el(
    "ul",
    { class: "legend" },
    ...entries.map(([kind, text]) => el("li", {}, svg("svg", { width: 14, height: 14, "aria-hidden": "true" }, kind === "live" ? svg("path", { class: kind, d: "M0 11H6V4H14" }) : svg("rect", { class: kind, width: 14, height: 14, rx: 2 })), text)),
  );
};
