// Runs as dots: one field or metric against another.

import { colourOf } from "../colours.js";
import { drawn } from "../dom.js";
import { fitted, scaleOf, valueOf } from "./scale.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, MARGIN] = [440, 300, 80, 36, 12];

/** Draw the dots; `point(run)` is called with the run below the pointer, or null. */
export function drawScatter(host, runs, across, up, point) {
  const [x, y] = [scaleOf(runs, across), scaleOf(runs, up)];
  const toX = (place) => LEFT + MARGIN + place * (WIDTH - LEFT - 2 * MARGIN);
  const toY = (place) => HEIGHT - BOTTOM - MARGIN - place * (HEIGHT - BOTTOM - 2 * MARGIN);
  const room = (0.8 * (WIDTH - LEFT)) / Math.max(1, x.ticks.length);
  const axes = drawn("path", { class: "axis", fill: "none", d: `M${LEFT} 0V${HEIGHT - BOTTOM}H${WIDTH}` });
  const labels = [
    ...x.ticks.map(({ at, label }) => drawn("text", { x: toX(at), y: HEIGHT - BOTTOM + 18, "text-anchor": anchor(at) }, fitted(label, room))),
    ...y.ticks.map(({ at, label }) => drawn("text", { x: LEFT - 8, y: toY(at) + 4, "text-anchor": "end" }, fitted(label, LEFT - 8))),
  ];
  const dots = runs.flatMap((run) => {
    const [a, b] = [x.place(valueOf(run, across)), y.place(valueOf(run, up))];
    if (a === null || b === null) return [];
    const dot = drawn("circle", { class: `dot run-${colourOf(run.id)}`, "data-run": run.id, cx: toX(a), cy: toY(b), r: 6 });
    dot.append(drawn("title", {}, run.name));
    dot.addEventListener("pointerenter", () => point(run.id));
    dot.addEventListener("pointerleave", () => point(null));
    return [dot];
  });
  const label = `${up} / ${across}`;
  host.replaceChildren(drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label }, axes, ...labels, ...dots));
} // prettier-ignore

/** Texts at an end stay within the plot. */
const anchor = (at) => (at < 0.1 ? "start" : at > 0.9 ? "end" : "middle");
