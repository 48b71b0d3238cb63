// A map of examples: each a point, or its label where that is short, in the colour of its class.

import { COLOURS } from "./colours.js";
import { drawn, element } from "./dom.js";

const SIZE = 100;

/** Draw items {index, label, x, y} in `place`; the one below the pointer is shown as a picture, at `picture(index)`. */
export function drawMap(place, items, picture) {
  const labels = [...new Set(items.map(({ label }) => label))].sort();
  const isShort = labels.every((label) => String(label).length <= 2);
  const marks = items.map(({ index, label, x, y }) => {
    const [across, down] = [((x + 1) / 2) * SIZE, ((1 - y) / 2) * SIZE];
    const looks = { class: `run-${labels.indexOf(label) % COLOURS}`, "data-index": index, "data-label": label };
    return isShort ? drawn("text", { ...looks, x: across, y: down }, label) : drawn("circle", { ...looks, cx: across, cy: down, r: 0.9 });
  });
  const view = `-3 -3 ${SIZE + 6} ${SIZE + 6}`;
  const map = drawn("svg", { viewBox: view, role: "img", "aria-label": labels.join(", ") }, ...marks);
  const image = element("img", { alt: "", width: 112, height: 112, hidden: true });
  const caption = element("figcaption");
  map.addEventListener("pointerover", ({ target }) => {
    if (target.dataset.index === undefined) return;
    image.src = picture(target.dataset.index);
    image.hidden = false;
    caption.textContent = target.dataset.label;
  });
  place.replaceChildren(map, element("figure", {}, image, caption));
} // prettier-ignore
