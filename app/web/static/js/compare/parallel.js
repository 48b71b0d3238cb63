// Runs as lines across parallel axes. A drag along an axis keeps the runs within; a click takes that away again.

import { colourOf } from "../colours.js";
import { drawn } from "../dom.js";
import { fitted, scaleOf, valueOf } from "./scale.js";

const [WIDTH, HEIGHT, TOP, BOTTOM, SIDE, GRIP] = [660, 300, 36, 12, 56, 24];
const SLACK = 0.02; // of an axis: a brush that all but reaches a run has it

/** Draw the lines; `choose(ids)` is called with the runs within all brushes. */
export function drawParallel(host, runs, names, point, choose) {
  const scales = names.map((name) => scaleOf(runs, name));
  const x = (axis) => (names.length > 1 ? SIDE + (axis / (names.length - 1)) * (WIDTH - 2 * SIDE) : WIDTH / 2);
  const y = (place) => HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM);
  const placeAt = (height) => Math.min(1, Math.max(0, (HEIGHT - BOTTOM - height) / (HEIGHT - TOP - BOTTOM)));
  const room = (WIDTH - 2 * SIDE) / Math.max(1, names.length - 1) - 8;
  const brushes = new Map(); // by axis: [low, high]

  const lines = runs.map((run) => {
    const places = names.map((name, axis) => scales[axis].place(valueOf(run, name)));
    const d = places.map((place, axis) => (place === null ? "" : `${axis && places[axis - 1] !== null ? "L" : "M"}${x(axis)} ${y(place)}`)).join("");
    const line = drawn("path", { class: `line run-${colourOf(run.id)}`, "data-run": run.id, d });
    line.append(drawn("title", {}, run.name));
    line.addEventListener("pointerenter", () => point(run.id));
    line.addEventListener("pointerleave", () => point(null));
    return { run, places, line };
  });

  const isWithin = ({ places }) =>
    [...brushes].every(([axis, [low, high]]) => places[axis] !== null && places[axis] > low - SLACK && places[axis] < high + SLACK);

  const axes = names.map((name, axis) => {
    const rule = drawn("path", { class: "axis", d: `M${x(axis)} ${TOP}V${HEIGHT - BOTTOM}` });
    const title = drawn("text", { x: x(axis), y: 14, "text-anchor": "middle" }, name.split(".").at(-1));
    const ticks = scales[axis].ticks.map(({ at, label }) => drawn("text", { x: x(axis) + 6, y: y(at) + 4 }, fitted(label, room)));
    const brush = drawn("rect", { class: "brush", x: x(axis) - 6, width: 12, visibility: "hidden" });
    const grip = drawn("rect", { class: "grip", x: x(axis) - GRIP / 2, y: TOP, width: GRIP, height: HEIGHT - TOP - BOTTOM });
    let start = null;
    const height = (event) => ((event.clientY - svg.getBoundingClientRect().top) / svg.getBoundingClientRect().height) * HEIGHT;
    const update = (event) => {
      const [low, high] = [start, placeAt(height(event))].sort((a, b) => a - b);
      const isBrush = high - low > SLACK;
      if (isBrush) brushes.set(axis, [low, high]);
      else brushes.delete(axis);
      brush.setAttribute("visibility", isBrush ? "visible" : "hidden");
      brush.setAttribute("y", y(high));
      brush.setAttribute("height", y(low) - y(high));
      for (const each of lines) each.line.classList.toggle("out", !isWithin(each));
    };
    grip.addEventListener("pointerdown", (event) => {
      start = placeAt(height(event));
      grip.setPointerCapture(event.pointerId);
      update(event);
    });
    grip.addEventListener("pointermove", (event) => start !== null && update(event));
    grip.addEventListener("pointerup", () => {
      start = null;
      choose(lines.filter(isWithin).map(({ run }) => run.id));
    });
    return [rule, title, ...ticks, brush, grip];
  });
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": names.join(", ") });
  svg.append(...lines.map(({ line }) => line), ...axes.flat());
  host.replaceChildren(svg);
} // prettier-ignore
