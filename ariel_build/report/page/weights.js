// Constants by layer, the largest first.
ariel.weights = (report) => {
  const { el, number, percent } = ariel;
  const few = 15;
  const heavy = report.layers.map((layer, k) => [layer.weights_bytes, k]).filter(([size]) => size).sort((a, b) => b[0] - a[0]);
  const total = heavy.reduce((sum, [size]) => sum + size, 0);
  const stored = report.totals.weights_bytes;
  let about = heavy.length ? `${number(stored)} bytes of constants in flash, as the kernels read them.` : "No layer has constants.";
  if (stored < total) about += ` Layers share some: together they read ${number(total)}.`;
  const section = ariel.section("weights", "Weights", about);
  const list = el("div", { class: "weights" });
  const add = ([size, k]) => {
    const strip = el("span");
    strip.style.width = `${(size / heavy[0][0]) * 100}%`;
    list.append(
      el("button", { type: "button", class: "link name", text: report.layers[k].name, onclick: () => ariel.choose(k) }),
      el("div", { class: "strip", "aria-hidden": "true" }, strip),
      el("span", { class: "number", text: number(size) }),
      el("span", { class: "number quiet", text: percent(size / total) }),
    );
  };
  heavy.slice(0, few).forEach(add);
  section.append(list);
  if (heavy.length > few) {
    const more = el("button", { type: "button", text: `Show all ${heavy.length} layers with constants` });
    more.addEventListener("click", () => {
      heavy.slice(few).forEach(add);
      more.remove();
    });
    section.append(el("p", { class: "controls" }, more));
  }
};
