// The height of each walk by step, on a logarithmic axis.

import { drawn, element } from "../dom.js";

const LEAST = 1e-12; // what is lower counts as the minimum
const RULES = 5; // at most, of the axis

/** Draw into an SVG of the size 1 by 1, and write the powers of ten into a list. */
export function showValues(svg, list, walks, steps, at, pointed) {
  const heights = walks.flatMap(({ values }) => values).filter((value) => value > LEAST);
  const starts = walks.map(({ values }) => values[0]);
  const low = Math.floor(Math.log10(Math.min(...heights, 1)));
  const high = Math.ceil(Math.log10(Math.max(...starts, LEAST) * 1.5));
  const span = Math.max(1, high - low);
  const y = (value) => Math.min(1.1, Math.max(-0.1, (high - Math.log10(Math.max(value, LEAST))) / span)).toFixed(4);
  const every = Math.ceil(span / RULES);
  const powers = Array.from({ length: Math.floor(span / every) + 1 }, (_, n) => high - n * every);
  svg.classList.toggle("is-pointed", pointed !== null);
  svg.replaceChildren(
    drawn("path", { class: "rule", d: powers.map((power) => `M0,${(high - power) / span}h1`).join("") }),
    drawn("path", { class: "now", d: `M${at / steps},0v1` }),
    ...walks.map(({ values, colour, name }) =>
      drawn("polyline", {
        class: `run-${colour}${name === pointed ? " pointed" : ""}`,
        points: values.map((value, step) => `${(step / steps).toFixed(4)},${y(value)}`).join(" "),
      }),
    ),
  );
  list.replaceChildren(
    ...powers.map((power) => {
      const item = element("li", {}, "10", element("sup", {}, String(power).replace("-", "−")));
      item.style.top = `${(100 * (high - power)) / span}%`;
      return item;
    }),
  );
}
