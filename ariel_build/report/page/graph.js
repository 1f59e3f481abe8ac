// The layers as a graph, from top to bottom; places were computed where the report was made.
ariel.graph = (report) => {
  const { el, svg, cut, tensor, percent } = ariel;
  const { nodes, edges, node: size, width, height } = report.graph;
  const [wide, tall] = size;
  const most = Math.max(...report.layers.map((layer) => layer.share), 1e-9);
  const zoom = el("input", { type: "range", min: "20", max: "150", step: "5", value: "100", "aria-label": "Zoom of the graph" });
  const find = el("input", { type: "search", placeholder: "Find a layer", "aria-label": "Find a layer in the graph" });
  const about = "From inputs to outputs, with the shape that each layer writes. The bar is its share of the time, beside that of the slowest.";
  const section = ariel.section("graph", "Graph", about, find, el("label", { class: "zoom" }, "Zoom", zoom));

  const shapes = nodes.map((node) => {
    const layer = report.layers[node.layer];
    const end = layer === undefined;
    const kind = { input: "input", state: "state", next: "state, next", output: "output" }[node.kind];
    const writes = end ? node : layer.outputs[0];
    const title = end ? `${kind} ${node.name}` : layer.name;
    const under = (writes ? tensor(writes) : "") + (end ? "" : ` · ${percent(layer.share)}`);
    const group = svg(
      "g",
      {
        class: `node item ${end ? "end" : ""}`,
        role: "option",
        "aria-selected": "false",
        "aria-label": `${title}, ${under}`,
        transform: `translate(${node.x - wide / 2} ${node.y + 4})`,
      },
      svg("rect", { class: "box", width: wide, height: tall, rx: 6 }),
      svg("text", { x: 10, y: 18, class: "name", text: cut(title, 26) }),
      svg("text", { x: 10, y: 34, class: "quiet", text: cut(under, 28) }),
    );
    if (!end) {
      group.append(svg("rect", { class: "track", x: 10, y: tall - 7, width: wide - 20, height: 3 }));
      group.append(svg("rect", { class: "heat", x: 10, y: tall - 7, width: Math.max((layer.share / most) * (wide - 20), 0.5), height: 3 }));
    }
    return group;
  });

  const right = Math.max(width, wide);
  const curve = (edge) => {
    const from = nodes[edge.from];
    const to = nodes[edge.to];
    if (edge.back) {
      const side = right + 14;
      return `M${from.x + wide / 2} ${from.y + 4 + tall / 2}C${side} ${from.y + tall / 2} ${side} ${to.y + tall / 2} ${to.x + wide / 2} ${to.y + 4 + tall / 2}`;
    }
    let [x, y] = [from.x, from.y + 4 + tall];
    let path = `M${x} ${y}`;
    for (const [bend, level] of [...(edge.via ?? []), [to.x, to.y + 4]]) {
      const middle = (y + level) / 2;
      path += `C${x} ${middle} ${bend} ${middle} ${bend} ${level}`;
      [x, y] = [bend, level];
      if (bend !== to.x || level !== to.y + 4) {
        y = level + tall;
        path += `V${y}`;
      }
    }
    return path;
  };
  const lines = edges.map((edge) => svg("path", { class: `edge ${edge.back || edge.decides ? "dashed" : ""}`, d: curve(edge) }));

  const picture = svg(
    "svg",
    { viewBox: `-8 0 ${right + 40} ${height + 8}`, role: "listbox", "aria-label": `Graph of ${report.layers.length} layers; arrow keys move, Enter chooses` },
    svg("g", { "aria-hidden": "true" }, ...lines),
    ...shapes,
  );
  const panel = el("div", { class: `panel graph ${height > 2500 ? "tall" : ""}` }, picture);
  section.append(panel);
  if (height > 2500) {
    section.append(el("p", { class: "printed", text: `A graph of ${report.layers.length} layers is too tall for paper: the table has them all.` }));
  }
  const scale = () => {
    picture.setAttribute("width", ((right + 40) * zoom.value) / 100);
    picture.setAttribute("height", ((height + 8) * zoom.value) / 100);
  };
  zoom.addEventListener("input", scale);
  scale();
  panel.scrollLeft = (panel.scrollWidth - panel.clientWidth) / 2;

  const lead = (shape) => {
    const edge = shape.getBoundingClientRect();
    const frame = panel.getBoundingClientRect();
    panel.scrollTo({
      top: panel.scrollTop + edge.top - frame.top - frame.height / 2 + edge.height / 2,
      left: panel.scrollLeft + edge.left - frame.left - frame.width / 2 + edge.width / 2,
    });
  };
  const told = (index) => {
    const layer = report.layers[nodes[index].layer];
    if (!layer) return [nodes[index].name, tensor(nodes[index])];
    return [layer.name, layer.origin, `${layer.inputs.map(tensor).join(", ")} → ${layer.outputs.map(tensor).join(", ")}`, `${percent(layer.share)} of the time`];
  };
  ariel.walk(picture, shapes, { about: told, act: (index) => ariel.choose(nodes[index].layer ?? null, "graph") });
  ariel.onChoice((layer, from) => {
    shapes.forEach((shape, k) => {
      const is = layer !== null && nodes[k].layer === layer;
      shape.classList.toggle("chosen", is);
      shape.setAttribute("aria-selected", is);
      if (is && from !== "graph") lead(shape);
    });
    lines.forEach((line, k) => {
      const ends = [nodes[edges[k].from].layer, nodes[edges[k].to].layer];
      line.classList.toggle("chosen", layer !== null && ends.includes(layer));
    });
  });
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    let first = null;
    shapes.forEach((shape, k) => {
      const layer = report.layers[nodes[k].layer];
      const text = `${nodes[k].name} ${layer ? `${layer.operator} ${layer.origin}` : ""}`.toLowerCase();
      const fits = text.includes(wanted);
      shape.classList.toggle("dim", !fits);
      if (fits && wanted && first === null) first = shape;
    });
    if (first) lead(first);
  });
};
