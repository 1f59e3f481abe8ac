// Which layer is chosen, in every drawing and in the table; the tooltip; and keys that walk through many items.
const heard = [];
ariel.chosen = null;

ariel.onChoice = (hear) => heard.push(hear);

ariel.choose = (layer, from = null) => {
  ariel.chosen = layer;
  for (const hear of heard) hear(layer, from);
};

// Returns what takes the shapes of a drawing, each time that it is drawn: those of the chosen layer are marked from then on.
ariel.marker = () => {
  let shapes = [];
  const mark = (chosen) => {
    for (const shape of shapes) {
      const is = chosen !== null && shape.dataset.layer === String(chosen);
      shape.classList.toggle("chosen", is);
      shape.setAttribute("aria-selected", is);
    }
  };
  ariel.onChoice(mark);
  return (drawn) => {
    shapes = drawn;
    mark(ariel.chosen);
  };
};

const tip = ariel.by("tip");

ariel.tell = (lines, where) => {
  tip.replaceChildren(...lines.map((line) => ariel.el("div", { class: "name", text: line })));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const x = Math.min(where.x + 14, innerWidth - box.width - 8);
  const y = where.y + 18 + box.height > innerHeight ? where.y - box.height - 12 : where.y + 18;
  tip.style.left = `${Math.max(x, 4)}px`;
  tip.style.top = `${Math.max(y, 4)}px`;
};

ariel.hush = () => {
  tip.hidden = true;
};

// What the keyboard is at keeps its tip where it is, also while something scrolls.
let held = null;
const hold = (item, lines) => {
  held = { item, lines };
  const edge = item.getBoundingClientRect();
  ariel.tell(lines, { x: edge.left + Math.min(edge.width / 2, 80), y: edge.bottom - 14 });
};
const follow = () => (held?.item === document.activeElement && !tip.hidden ? hold(held.item, held.lines) : ariel.hush());
addEventListener("scroll", follow, { capture: true, passive: true });

// Makes items of a box one stop of the tab key, among which arrows move. `about(index)` are the lines of an item's tip.
ariel.walk = (box, items, { about, act }) => {
  if (!items.length) return;
  let at = 0;
  items.forEach((item, index) => {
    item.setAttribute("tabindex", index ? "-1" : "0");
    item.dataset.index = index;
  });
  const index = (event) => Number(event.target.closest("[data-index]")?.dataset.index ?? -1);
  const go = (next) => {
    items[at].setAttribute("tabindex", "-1");
    at = Math.max(0, Math.min(next, items.length - 1));
    items[at].setAttribute("tabindex", "0");
    items[at].focus({ preventScroll: true });
    items[at].scrollIntoView({ block: "nearest", inline: "nearest" });
    hold(items[at], about(at));
  };
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
  box.addEventListener("keydown", (event) => {
    const now = index(event);
    if (now < 0) return;
    if (event.key in steps) go(now + steps[event.key]);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(items.length - 1);
    else if (event.key === "Enter" || event.key === " ") act(now);
    else return;
    event.preventDefault();
  });
  box.addEventListener("click", (event) => index(event) >= 0 && act(index(event)));
  box.addEventListener("pointermove", (event) => (index(event) >= 0 ? ariel.tell(about(index(event)), event) : ariel.hush()));
  box.addEventListener("pointerleave", ariel.hush);
  box.addEventListener("focusout", ariel.hush);
  box.addEventListener("focusin", (event) => {
    const now = index(event);
    if (now < 0 || !event.target.matches(":focus-visible")) return;
    hold(event.target, about(now));
  });
};

// What is known of the chosen layer, beside everything else.
ariel.details = (report) => {
  const { el, by, number, bytes, percent, tensor, facts } = ariel;
  const panel = by("details");
  const wide = matchMedia("(min-width: 1100px)");
  const show = () => {
    const layer = report.layers[ariel.chosen];
    panel.hidden = !layer && !wide.matches;
    if (!layer) {
      const hint = "Choose a layer in the graph, the memory map, the timeline or the table: what is known of it stands here.";
      panel.replaceChildren(el("p", { class: "quiet", text: hint }));
      return;
    }
    const close = el("button", { type: "button", "aria-label": "Close", text: "×", onclick: () => ariel.choose(null) });
    const several = (list) => list.map(tensor).join("\n");
    panel.replaceChildren(
      el("div", { class: "head" }, el("h2", { class: "name", text: layer.name }), close),
      el("p", { class: "quiet name", text: layer.origin }),
      el("p", {}, el("code", { text: layer.kernel })),
      facts([
        ["reads", several(layer.inputs)],
        ["writes", several(layer.outputs)],
        ["time", `${percent(layer.share)} of all`],
        ["instructions", number(layer.instructions)],
        ["cycles", number(layer.cycles)],
        ["MACs", number(layer.macs)],
        ["weights", bytes(layer.weights_bytes)],
        ["arena in use", bytes(layer.live_bytes)],
        [layer.fast_scratch ? "scratch, in fast memory" : "scratch", bytes(layer.scratch_bytes)],
        ["pieces", number(layer.pieces)],
        ["tiles", number(layer.tiles)],
      ]),
    );
  };
  panel.setAttribute("aria-live", "polite");
  ariel.onChoice(show);
  wide.addEventListener("change", show);
  addEventListener("keydown", (event) => event.key === "Escape" && (ariel.hush(), ariel.choose(null)));
  show();
};
