// A map of examples: each a point, or its label where that is short, in the colour of its class.

import { COLOURS } from "./colours.js";
import { element } from "./fields.js";

const SPACE = "http://www.w3.org/2000/svg";
const SIZE = 100;

/** Draw items {index, label, x, y} in `place`; the one below the pointer is shown as a picture, at `picture(index)`. */
export function drawMap(place, items, picture) {
  const labels = [...new Set(items.map(({ label }) => label))].sort();
  const isShort = labels.every((label) => String(label).length <= 2);
  const map = svg("svg", { viewBox: `-3 -3 ${SIZE + 6} ${SIZE + 6}`, role: "img" });
  map.setAttribute("aria-label", labels.join(", "));
  for (const { index, label, x, y } of items) {
    const at = { x: ((x + 1) / 2) * SIZE, y: ((1 - y) / 2) * SIZE };
    const mark = isShort ? svg("text", at) : svg("circle", { cx: at.x, cy: at.y, r: 0.9 });
    if (isShort) mark.textContent = label;
    mark.setAttribute("class", `run-${labels.indexOf(label) % COLOURS}`);
    mark.dataset.index = index;
    mark.dataset.label = label;
    map.append(mark);
  }
  const figure = element("figure", {});
  const image = element("img", { alt: "", width: 112, height: 112, hidden: true });
  const caption = element("figcaption", {});
  figure.append(image, caption);
  map.addEventListener("pointerover", ({ target }) => {
    if (target.dataset.index === undefined) return;
    image.src = picture(target.dataset.index);
    image.hidden = false;
    caption.textContent = target.dataset.label;
  });
  place.replaceChildren(map, figure);
}

function svg(name, attributes) {
  const node = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
