// What each rewrite of the compiler did to the model's graph, and where it refused.
ariel.passes = (report) => {
  const { el, number } = ariel;
  const section = ariel.section("passes", "Passes", "What each rewrite did to the model's graph, in the order in which they run, and what it left alone, with the reason.");
  const lines = (entries) =>
    el("ul", {}, ...entries.map((entry) => {
      const more = entry.count - entry.origins.length;
      const places = entry.origins.join(", ") + (more > 0 ? ` and ${number(more)} more` : "");
      return el("li", {}, `${entry.what}${entry.count > 1 ? ` (${number(entry.count)} times)` : ""}: `, el("span", { class: "quiet name", text: places }));
    }));
  const times = (entries) => entries.reduce((sum, entry) => sum + entry.count, 0);
  const idle = [];
  for (const pass of report.passes) {
    const [did, not] = [times(pass.rewrites), times(pass.refusals)];
    if (!did && !not) {
      idle.push(pass.name);
      continue;
    }
    const counts = [did && `${number(did)} ${did === 1 ? "rewrite" : "rewrites"}`, not && `${number(not)} refused`].filter(Boolean).join(", ");
    section.append(
      el(
        "details",
        {},
        el("summary", {}, el("code", { text: pass.name }), ` ${counts}`),
        pass.about && el("p", { class: "quiet", text: pass.about }),
        did ? el("h3", { text: "Rewritten" }) : null,
        did ? lines(pass.rewrites) : null,
        not ? el("h3", { text: "Refused" }) : null,
        not ? lines(pass.refusals) : null,
      ),
    );
  }
  if (idle.length) section.append(el("p", { class: "quiet", text: `Nothing to do here for ${idle.join(", ")}.` }));
  addEventListener("beforeprint", () => section.querySelectorAll("details").forEach((part) => (part.open = true)));
};
