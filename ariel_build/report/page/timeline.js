// What each core does when, as predicted.
ariel.timeline = (report) => {
  const { el, svg, percent, cut } = ariel;
  const { runs, busy, end, clock_hz: hz, flows, joined } = report.timeline;
  const cores = report.board.cores;
  const most = Math.max(...report.layers.map((layer) => layer.share), 1e-9);
  const told = (index) => {
    const [core, from, to, k] = runs[index];
    return [report.layers[k].name, `${ariel.time(to - from, hz)} on core ${core}`, `from ${ariel.time(from, hz)} to ${ariel.time(to, hz)}`, `${percent(report.layers[k].share)} of all layers`];
  };
  const mark = ariel.marker();
  const draw = (width) => {
    const [left, right, top, row, box, foot] = [112, 24, 10, 44, 34, 28];
    const height = top + row * cores.length + foot;
    const x = (time) => left + (time / Math.max(end, 1)) * (width - left - right);
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "listbox", "aria-label": `Timeline of ${cores.length} cores: ${runs.length} runs; arrow keys move, Enter chooses their layer` });
    cores.forEach((core, k) => {
      const y = top + row * k;
      picture.append(svg("text", { x: 8, y: y + 15, text: `core ${k}` }), svg("text", { class: "quiet", x: 8, y: y + 30, text: `${percent(busy[k] / Math.max(end, 1))} busy` }));
      picture.append(svg("rect", { class: "idle", x: left, y, width: width - left - right, height: box }));
    });
    const rects = runs.map(([core, from, to, k], index) => {
      const rect = svg("rect", {
        class: "run item",
        role: "option",
        "aria-selected": "false",
        "aria-label": told(index).join(", "),
        "data-layer": k,
        x: x(from),
        y: top + row * core,
        width: Math.max(x(to) - x(from), 0.6),
        height: box,
      });
      rect.style.setProperty("--heat", `${Math.round((report.layers[k].share / most) * 45)}%`);
      return rect;
    });
    picture.append(...rects);
    runs.forEach(([core, from, to, k]) => {
      const wide = x(to) - x(from);
      if (wide > 50) picture.append(svg("text", { class: "inside name", x: x(from) + 5, y: top + row * core + 21, "aria-hidden": "true", text: cut(report.layers[k].name, Math.floor((wide - 10) / 6.6)) }));
    });
    const base = top + row * cores.length;
    const unit = hz ? 1 / hz : 1;
    for (const at of ariel.ticks(end * unit, Math.max(Math.floor((width - left) / 110), 2))) {
      const place = x(at / unit);
      picture.append(svg("line", { class: "axis", x1: place, x2: place, y1: base - 6, y2: base }));
      picture.append(svg("text", { class: "quiet", x: place, y: base + 16, "text-anchor": "middle", text: ariel.time(at / unit, hz) }));
    }
    ariel.walk(picture, rects, { about: told, act: (index) => ariel.choose(runs[index][3], "timeline") });
    mark(rects);
    return picture;
  };
  let about = hz ? "Predicted from the cost of each layer and the board's clock." : "Predicted from the cost of each layer, in cycles: the board states no clock.";
  if (cores.length > 1) about += " The cores take tiles as the pool does; on a chip tiles may go another way.";
  if (flows) about += " Bodies of branches and loops stand here once each, one after the other.";
  if (joined) about += " There are too many runs to draw: neighbours of one layer are one.";
  ariel.chart("timeline", cores.length > 1 ? "Timeline of the cores" : "Timeline", about, "timeline", draw);
};
