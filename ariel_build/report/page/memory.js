// The arena: bytes upwards, the schedule's time to the right; who holds which bytes when.
ariel.memory = (report) => {
  const { el, svg, number, bytes, cut } = ariel;
  const { kinds, names, blocks, starts, live, arena_bytes: arena, first, last, left_out: leftOut } = report.memory;
  const words = { input: "input", output: "output", state: "state", value: "between layers", scratch: "scratch" };
  const layer = (index) => report.layers[index];
  const told = (index) => {
    const [kind, name, maker, offset, size, start, end] = blocks[index];
    const during = starts.findLastIndex((at) => at <= Math.max(start, 0));
    const until = starts.findLastIndex((at) => at < end);
    const span = start < 0 && until < 0 ? "before the first layer" : `from ${start < 0 ? "the beginning" : layer(Math.max(during, 0)).name} to ${layer(Math.max(until, 0)).name}`;
    return [
      maker === null ? `${words[kinds[kind]]} ${names[name]}` : `${layer(maker).name}: ${words[kinds[kind]]}`,
      kinds[kind] === "scratch" ? "" : names[name],
      `${bytes(size)} at ${number(offset)} (${number(size)} bytes to ${number(offset + size)})`,
      span,
    ].filter(Boolean);
  };
  const mark = ariel.marker();
  const draw = (width) => {
    const [left, right, top, tall, foot] = [64, 12, 14, 300, 30];
    const x = (tick) => left + ((tick - first) / Math.max(last - first, 1)) * (width - left - right);
    const y = (offset) => top + tall - (offset / Math.max(arena, 1)) * tall;
    const picture = svg(
      "svg",
      { width, height: top + tall + foot, viewBox: `0 0 ${width} ${top + tall + foot}`, role: "listbox", "aria-label": `Memory over the schedule: ${blocks.length} buffers; arrow keys move, Enter chooses their layer` },
      svg("defs", {}, svg("pattern", { id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, svg("rect", { width: 5, height: 5, fill: "var(--panel)" }), svg("line", { class: "hatch", y2: 5 }))),
    );
    for (const at of ariel.ticks(arena, 6, true)) {
      picture.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: y(at), y2: y(at) }));
      picture.append(svg("text", { class: "quiet", x: left - 8, y: y(at) + 4, "text-anchor": "end", text: bytes(at) }));
    }
    const rects = blocks.map(([kind, , maker, offset, size, start, end], index) =>
      svg("rect", {
        class: `block item ${kinds[kind]} ${x(end) - x(start) < 3 ? "narrow" : ""}`,
        role: "option",
        "aria-selected": "false",
        "aria-label": told(index).join(", "),
        "data-layer": maker,
        x: x(start),
        y: y(offset + size),
        width: Math.max(x(end) - x(start), 0.75),
        height: Math.max(y(offset) - y(offset + size), 0.75),
      }),
    );
    picture.append(...rects);
    // The largest block of each buffer has its name.
    const largest = new Map();
    blocks.forEach(([, name, , , size, start, end], k) => {
      const area = size * (end - start);
      if (area > (largest.get(name)?.[0] ?? 0)) largest.set(name, [area, k]);
    });
    blocks.forEach(([kind, name, maker, offset, size, start, end], k) => {
      if (largest.get(name)[1] !== k) return;
      const [wide, high] = [x(end) - x(start), y(offset) - y(offset + size)];
      const text = maker === null ? names[name] : layer(maker).name;
      if (wide > 50 && high > 14 && kinds[kind] !== "scratch") {
        picture.append(svg("text", { class: "inside name", x: x(start) + 5, y: y(offset + size) + 12, "aria-hidden": "true", text: cut(text, Math.floor((wide - 10) / 6.6)) }));
      }
    });
    // Where changes are closer than pixels, the most of each pixel.
    const tops = new Map();
    for (const [tick, held] of live) {
      const place = Math.round(x(Math.min(tick, last)));
      tops.set(place, Math.max(held, tops.get(place) ?? 0));
    }
    const line = [...tops].map(([place, held], k) => `${k ? "H" : "M"}${place}${k ? "V" : " "}${y(held).toFixed(1)}`).join("");
    picture.append(svg("path", { class: `live ${tops.size > width / 6 ? "many" : ""}`, d: line }));
    let free = -Infinity;
    starts.forEach((tick, index) => {
      if (x(tick) < free) return;
      const text = String(index);
      free = x(tick) + text.length * 7 + 14;
      picture.append(svg("line", { class: "axis", x1: x(tick), x2: x(tick), y1: top + tall, y2: top + tall + 4 }));
      picture.append(svg("text", { class: "quiet", x: x(tick) + 1, y: top + tall + 18, text }));
    });
    ariel.walk(picture, rects, { about: told, act: (index) => ariel.choose(blocks[index][2], "memory") });
    mark(rects);
    return picture;
  };
  const floor = report.totals.arena_floor_bytes;
  const about = `The arena's ${number(arena)} bytes (upwards) over the layers (to the right, by number). No plan of this order needs less than ${number(floor)}.`;
  const section = ariel.chart("memory", "Memory", about, "memory map", draw);
  section.append(ariel.legend([["block value", "between layers"], ["block input", "inputs, outputs"], ["block state", "states"], ["block scratch", "scratch of a kernel"], ["block chosen", "of the chosen layer"], ["live", "bytes in use"]]));
  if (leftOut) section.append(el("p", { class: "quiet", text: `The ${number(leftOut)} smallest buffers are left out of the drawing.` }));
};
