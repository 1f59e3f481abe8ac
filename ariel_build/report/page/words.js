// Numbers and tensors as people read them. Counts of bytes have 1024 to a KB, as those of memories do.
const plain = new Intl.NumberFormat("en");

ariel.number = (n) => (n === null || n === undefined ? "–" : plain.format(n));

ariel.bytes = (n) => {
  if (n === null || n === undefined) return "–";
  if (n < 1024) return `${n} B`;
  return n < 1 << 20 ? `${(n / 1024).toFixed(1)} KB` : `${(n / (1 << 20)).toFixed(2)} MB`;
};

ariel.short = (n) => {
  if (n === null || n === undefined) return "–";
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e4]]) {
    if (n >= size) return `${(n / (unit === "k" ? 1e3 : size)).toPrecision(3)} ${unit}`;
  }
  return plain.format(n);
};

ariel.percent = (share) => `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;

ariel.seconds = (s) => {
  if (s === 0) return "0";
  const [unit, size] = s >= 1 ? ["s", 1] : s >= 1e-3 ? ["ms", 1e-3] : ["µs", 1e-6];
  return `${Number((s / size).toPrecision(3))} ${unit}`;
};

// A time that is told in cycles of the first core, in seconds where its clock is known.
ariel.time = (cycles, hz) => (hz ? ariel.seconds(cycles / hz) : `${ariel.short(cycles)} cycles`);

ariel.tensor = (t) => `${t.shape.length ? t.shape.join("×") : "scalar"} ${t.dtype}`;

ariel.cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// Round numbers from 0 to `end`, about `count` of them.
ariel.ticks = (end, count, binary = false) => {
  if (!(end > 0)) return [0];
  const raw = end / Math.max(count, 1);
  const base = binary ? 2 : 10;
  const power = base ** Math.floor(Math.log(raw) / Math.log(base));
  const each = (binary ? [1, 2] : [1, 2, 5, 10]).map((k) => k * power).find((step) => step >= raw) ?? base * power;
  const found = [];
  for (let at = 0; at <= end * 1.0001; at += each) found.push(at);
  return found;
};
