// The figures that a reader looks for first.
ariel.overview = (report) => {
  const { el, by, number, bytes, short } = ariel;
  const { totals, board, model, options } = report;
  by("title").textContent = model.file;
  const cores = board.cores.length === 1 ? "1 core" : `${board.cores.length} cores`;
  by("subtitle").textContent = `on ${board.name}${board.description ? `: ${board.description}` : ""}, ${cores}, optimised for ${options.optimize}`;

  const section = ariel.section("overview", "Overview", null);
  const of = (need, has) => (has ? `${number(need)} of ${number(has)} bytes` : `${number(need)} bytes`);
  const memories = Object.entries(report.ram_by_memory);
  const apart = memories.length > 1 ? `: ${memories.map(([name, need]) => `${number(need)} in ${name}`).join(", ")}` : "";
  const figures = [
    ["RAM", bytes(totals.ram_bytes), of(totals.ram_bytes, board.ram_bytes) + apart],
    ["Flash", bytes(totals.flash_bytes), `at most ${of(totals.flash_bytes_max, board.flash_bytes)}`],
    ["Stack", bytes(totals.stack_bytes), `at most ${number(totals.stack_bytes_max)} bytes`],
    ["Weights", bytes(totals.weights_bytes), `${number(totals.weights_bytes)} bytes, in flash`],
    ["Latency", totals.latency_ms === null ? "–" : ariel.seconds(totals.latency_ms / 1e3), totals.latency_ms === null ? "the board states no clock" : `predicted, ${number(totals.cycles)} cycles`],
    ["Instructions", short(totals.instructions), totals.instructions === null ? "a loop has no bound" : `${number(totals.instructions)}, predicted`],
    ["Multiply-accumulates", short(totals.macs), `${number(totals.macs)}`],
    ["Energy", totals.energy_uj === null ? "–" : `${Number(totals.energy_uj.toPrecision(3))} µJ`, totals.energy_uj === null ? "the board states no currents" : "an inference, predicted"],
  ];
  section.append(
    el("p", {}, el("span", { class: `badge ${report.fits ? "yes" : "no"}`, text: report.fits ? "fits" : "does not fit" }), " ", report.fits ? null : report.misfit),
    el("dl", { class: "figures" }, ...figures.map(([name, big, small]) => el("div", {}, el("dt", { text: name }), el("dd", { class: "big", text: big }), el("dd", { class: "small", text: small })))),
  );
  for (const note of model.notes) section.append(el("p", { class: "warning name", text: note }));
};
