// The model's file, and what it says of itself.
ariel.card = (report) => {
  const { el, number, bytes, tensor } = ariel;
  const { model } = report;
  const section = ariel.section("model", "Model", null);
  const constants = model.constants.map((c) => {
    const channels = c.per_channel ? `, ${number(c.per_channel)} with a scale for each channel` : "";
    return `${c.dtype}: ${number(c.elements)} numbers in ${number(c.tensors)} ${c.tensors === 1 ? "tensor" : "tensors"} (${bytes(c.bytes)}${channels})`;
  });
  section.append(
    ariel.facts([
      ["file", el("span", { class: "name", text: model.file })],
      ["size", `${number(model.bytes)} bytes`],
      ["SHA-256", el("code", { text: model.sha256 })],
      ["format", model.format === "tflite" ? "TFLite" : model.format === "onnx" ? "ONNX" : model.format],
      ["name", model.name],
      ["producer", model.producer],
      ["version", model.version],
      ["author", model.author],
      ["licence", model.licence || "the file names none"],
      ["description", model.description],
      ["signature", model.signature],
      ["quantisation", model.quantisation],
      ["constants", constants.join("\n")],
      ["activations", Object.entries(model.activations).map(([dtype, count]) => `${dtype} (${number(count)})`).join(", ")],
      ["operators", Object.entries(model.operators).map(([name, count]) => `${number(count)} ${name}`).join(", ")],
    ]),
  );
  const ends = [["input", model.inputs], ["output", model.outputs], ["state", model.states]].flatMap(([kind, list]) => list.map((t) => [kind, t]));
  const rows = ends.map(([kind, t]) => [el("span", { class: "name", text: t.name }), kind, tensor(t), t.scale === null ? "–" : String(Number(t.scale.toPrecision(6))), t.zero_point === null ? "–" : String(t.zero_point)]);
  section.append(
    el("h3", { text: "Inputs and outputs" }),
    el("div", { class: "panel" }, ariel.table([{ label: "Name" }, { label: "" }, { label: "Type" }, { label: "Scale", number: true }, { label: "Zero point", number: true }], rows)),
  );
};
