// The layers as a table that sorts and filters.
ariel.layers = (report) => {
  const { el, number, percent, tensor } = ariel;
  const most = Math.max(...report.layers.map((layer) => layer.share), 1e-9);
  const bar = (share) => {
    const inner = el("span");
    inner.style.width = `${(share / most) * 100}%`;
    return el("span", { class: "bar", "aria-hidden": "true" }, inner);
  };
  const { profile } = report;
  const steps = new Map(profile ? profile.steps.map((step) => [step.step, step]) : []);
  const of = (key, digits) => ({ number: true, value: (_, k) => steps.get(k)?.[key] ?? -1, cell: (_, k) => (steps.get(k)?.[key] ?? null) === null ? "–" : number(Number(steps.get(k)[key].toFixed(digits))) });
  const device = [{ label: "Measured, µs", ...of("microseconds", 1) }, { label: "Times the prediction", ...of("ratio", 2) }];
  const columns = [
    { label: "#", number: true, value: (_, k) => k, cell: (_, k) => String(k) },
    { label: "Layer", value: (l) => l.name, cell: (l, k) => el("button", { type: "button", class: "link name", text: l.name, onclick: () => ariel.choose(k, "layers") }), head: true },
    { label: "Operator", value: (l) => l.operator },
    { label: "Writes", value: (l) => l.outputs.reduce((sum, t) => sum + t.shape.reduce((a, b) => a * b, 1), 0), cell: (l) => l.outputs.map(tensor).join(", ") },
    { label: "Time", number: true, value: (l) => l.share, cell: (l) => el("span", {}, percent(l.share), bar(l.share)) },
    ...(profile ? device : []),
    { label: "Instructions", number: true, value: (l) => l.instructions, sum: true },
    { label: "MACs", number: true, value: (l) => l.macs, sum: true },
    { label: "Weights, bytes", number: true, value: (l) => l.weights_bytes, sum: true },
    { label: "Arena in use", number: true, value: (l) => l.live_bytes },
    { label: "Pieces", number: true, value: (l) => l.pieces },
    { label: "Kernel", value: (l) => l.kernel, cell: (l) => el("code", { text: l.kernel }) },
    { label: "Origin", value: (l) => l.origin, cell: (l) => el("div", { class: "origin name", text: l.origin, title: l.origin }) },
  ];
  const runs = profile && `${number(profile.inferences)} ${profile.inferences === 1 ? "inference" : "inferences"}`;
  const told = profile
    ? `Costs on the first core: as predicted, and as a device measured them, the mean of ${runs} by a counter of ${number(profile.hertz)} Hz.${profile.note ? ` Of its log: ${profile.note}.` : ""}`
    : "Costs on the first core, as predicted.";
  const search = el("input", { type: "search", placeholder: "Filter", "aria-label": "Filter layers by name, operator, kernel or origin" });
  const operators = [...new Set(report.layers.map((layer) => layer.operator))].sort();
  const kind = el("select", { "aria-label": "Operator" }, el("option", { value: "", text: "All operators" }), ...operators.map((name) => el("option", { value: name, text: name })));
  const status = el("span", { class: "quiet", role: "status" });
  const section = ariel.section("layers", "Layers", `${told} A heading sorts, a layer's name chooses it everywhere.`, status, search, kind);

  const rows = report.layers.map((layer, k) => {
    const row = el("tr", { onclick: () => ariel.choose(k, "layers") });
    for (const column of columns) {
      const shown = column.cell ? column.cell(layer, k) : column.number ? number(column.value(layer, k)) : column.value(layer, k);
      row.append(el(column.head ? "th" : "td", { class: column.number ? "number" : null, scope: column.head ? "row" : null }, shown));
    }
    return row;
  });
  const heads = columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : null }, el("button", { type: "button", text: column.label, onclick: () => sort(column) })));
  const body = el("tbody", {}, ...rows);
  const sums = el("tr");
  section.append(
    el(
      "div",
      { class: "panel layers", tabindex: "0", role: "region", "aria-label": "Table of layers" },
      el("table", {}, el("thead", {}, el("tr", {}, ...heads)), body, el("tfoot", {}, sums)),
    ),
  );

  let sorted = null;
  let up = true;
  const sort = (column) => {
    up = sorted === column ? !up : !column.number || column.label === "#";
    sorted = column;
    heads.forEach((head, k) => (columns[k] === column ? head.setAttribute("aria-sort", up ? "ascending" : "descending") : head.removeAttribute("aria-sort")));
    const value = (k) => column.value(report.layers[k], k);
    const order = rows.map((_, k) => k);
    order.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      const by = typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y;
      return (up ? by : -by) || a - b;
    });
    body.append(...order.map((k) => rows[k]));
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = report.layers.filter((layer, k) => {
      const text = `${layer.name} ${layer.operator} ${layer.kernel} ${layer.origin}`.toLowerCase();
      const fits = words.every((word) => text.includes(word)) && (!kind.value || kind.value === layer.operator);
      rows[k].hidden = !fits;
      return fits;
    });
    status.textContent = kept.length === rows.length ? `${rows.length} layers` : `${kept.length} of ${rows.length} layers`;
    const total = (column) => number(kept.reduce((sum, layer) => sum + column.value(layer), 0));
    const share = kept.reduce((sum, layer) => sum + layer.share, 0);
    sums.replaceChildren(...columns.map((column) => el("td", { class: column.number ? "number" : null, text: column.label === "Layer" ? "together" : column.label === "Time" ? percent(share) : column.sum ? total(column) : "" })));
  };
  search.addEventListener("input", filter);
  kind.addEventListener("change", filter);
  filter();
  ariel.onChoice((chosen, from) => {
    rows.forEach((row, k) => row.classList.toggle("chosen", k === chosen));
    const row = rows[chosen];
    if (!row || from === "layers") return;
    const panel = row.closest(".panel");
    panel.scrollTop = row.offsetTop - panel.clientHeight / 2;
  });
};
