// Returns what is too faint: [text, contrast, class] of elements that have text of their own and are seen.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const of = at instanceof SVGElement ? "none" : getComputedStyle(at).backgroundColor;
      if (of !== "none" && rgba(of)[3] === 255) return rgba(of);
    }
    return [255, 255, 255];
  };
  const unseen = ["SCRIPT", "STYLE", "NOSCRIPT", "LEGEND"];
  // The least contrast that WCAG 2 (AA) has text have.
  const least = 4.5;
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || unseen.includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const inside = element.classList.contains("inside");
    // What stands inside of a box of a drawing stands on that box: the last one drawn under its beginning.
    let under = ground(element);
    if (inside) {
      const [x, y] = [element.x.baseVal[0].value, element.y.baseVal[0].value];
      for (const box of element.ownerSVGElement.querySelectorAll("rect.item")) {
        const [a, b] = [box.x.baseVal.value, box.y.baseVal.value];
        const holds = a <= x && x < a + box.width.baseVal.value && b <= y && y < b + box.height.baseVal.value;
        const fill = getComputedStyle(box).fill;
        if (holds && !fill.startsWith("url")) under = rgba(fill);
      }
    }
    const [a, b] = [light(rgba(element instanceof SVGElement ? style.fill : style.color)), light(under)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < least) found.push([element.textContent.slice(0, 40), contrast, element.className.baseVal ?? element.className]);
  }
  return found;
})()
