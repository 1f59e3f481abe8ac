// Shows the report. A long one is packed: base64 of deflate in place of JSON.
const unpacked = (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
};
const text = ariel.by("report").textContent;

const remembered = () => {
  try {
    return localStorage.getItem("ariel-theme");
  } catch {
    return null; // A page of a file may have no storage.
  }
};
const theme = (wanted) => {
  if (wanted === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wanted;
  try {
    localStorage.setItem("ariel-theme", wanted);
  } catch {
    // As above.
  }
};
const first = ["light", "dark"].includes(remembered()) ? remembered() : "auto";
for (const name of ["auto", "light", "dark"]) {
  const choice = ariel.el("input", { type: "radio", name: "theme", value: name, checked: name === first, onchange: () => theme(name) });
  ariel.by("theme").append(ariel.el("label", {}, choice, name[0].toUpperCase() + name.slice(1)));
}
theme(first);
ariel.by("print").addEventListener("click", () => print());

const show = (report) => {
  ariel.details(report);
  for (const part of ["overview", "graph", "memory", "timeline", "layers", "measured", "changes", "weights", "passes", "card"]) ariel[part](report);
  ariel.by("foot").textContent = `Made by ariel-build ${report.ariel_build}. Predictions are of its cost model; nothing on this page comes from elsewhere.`;
  document.documentElement.dataset.ready = "";
};
if (text.startsWith("{")) show(JSON.parse(text));
else unpacked(text).then(show);
