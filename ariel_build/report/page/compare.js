// Predicted beside measured, and this report beside an older one.
const change = (before, after, judged = true) => {
  if (before === null || before === undefined || after === null || after === undefined) return ariel.el("span", { class: "quiet", text: "–" });
  const by = after - before;
  const share = before ? ` (${by < 0 ? "−" : "+"}${Math.abs((by / before) * 100).toFixed(1)} %)` : "";
  const text = by ? `${by < 0 ? "−" : "+"}${ariel.number(Math.abs(Number(by.toPrecision(6))))}${share}` : "same";
  return ariel.el("span", { class: !by ? "quiet" : !judged ? null : by < 0 ? "better" : "worse", text });
};

ariel.measured = (report) => {
  if (!report.measured) return;
  const { el, number } = ariel;
  const { rows, board, samples } = report.measured;
  const about = `Measured on ${board}, the mean of ${number(samples)} ${samples === 1 ? "inference" : "inferences"}. Flash and stack are predicted for opt-level 3, the stack from above.`;
  const section = ariel.section("measured", "Measured", about);
  const columns = [{ label: "" }, { label: "Predicted", number: true }, { label: "Measured", number: true }, { label: "Predicted less measured", number: true }, { label: "" }];
  const table = rows.map(([name, kind, predicted, found]) => [name, number(predicted), number(found), change(found, predicted, false), el("span", { class: "quiet", text: kind })]);
  section.append(el("div", { class: "panel" }, ariel.table(columns, table)));
};

const names = {
  macs: "multiply-accumulates",
  ram_bytes: "RAM, bytes",
  arena_bytes: "arena, bytes",
  arena_floor_bytes: "least arena of the order, bytes",
  flash_bytes: "flash, bytes",
  flash_bytes_max: "flash at most, bytes",
  weights_bytes: "weights, bytes",
  stack_bytes: "stack, bytes",
  stack_bytes_max: "stack at most, bytes",
  instructions: "instructions",
  cycles: "cycles",
  latency_ms: "latency, ms",
  energy_uj: "energy, µJ",
  longest_tile_us: "longest tile, µs",
};

ariel.changes = (report) => {
  if (!report.changes) return;
  const { el, number } = ariel;
  const { old, totals, layers, changed, alike } = report.changes;
  const cores = old.options.cores === 1 ? "1 core" : `${old.options.cores} cores`;
  const same = old.model.sha256 === report.model.sha256 ? "the same model file" : "another model file";
  const about = `Against ${old.model.file} (${same}) on ${old.board.name}, ${cores}, optimised for ${old.options.optimize}, by ariel-build ${old.ariel_build}.`;
  const section = ariel.section("changes", "Comparison", about);
  const three = [{ label: "Before", number: true }, { label: "Now", number: true }, { label: "Change", number: true }];
  const rows = totals.filter(([key, a, b]) => key in names && !(a === null && b === null)).map(([key, a, b]) => [names[key], number(a), number(b), change(a, b)]);
  section.append(el("div", { class: "panel" }, ariel.table([{ label: "In all" }, ...three], rows)));
  section.append(el("h3", { text: "Layers" }));
  if (!layers.length) {
    section.append(el("p", { text: `All ${number(alike)} layers cost what they did.` }));
    return;
  }
  const costs = ["instructions", "weights_bytes", "live_bytes"];
  const columns = [{ label: "Layer" }, { label: "" }, { label: "Instructions", number: true }, { label: "Weights, bytes", number: true }, { label: "Arena in use", number: true }, { label: "Kernel" }];
  const kind = ({ kernel: [a, b] }) => (a === null ? "new" : b === null ? "gone" : "");
  const value = ([a, b]) => (a === null ? number(b) : b === null ? number(a) : el("span", {}, `${number(b)} `, change(a, b)));
  const table = layers.map((layer) => {
    const name = layer.index === null ? layer.name : el("button", { type: "button", class: "link name", text: layer.name, onclick: () => ariel.choose(layer.index) });
    const [a, b] = layer.kernel;
    return [name, kind(layer), ...costs.map((cost) => value(layer.costs[cost])), a && b && a !== b ? el("code", { text: `${a} → ${b}` }) : el("code", { text: b ?? a })];
  });
  section.append(el("div", { class: "panel layers" }, ariel.table(columns, table)));
  const rest = changed - layers.length;
  section.append(el("p", { class: "quiet", text: `${number(alike)} layers cost what they did.${rest > 0 ? ` ${number(rest)} smaller changes are left out.` : ""}` }));
};
