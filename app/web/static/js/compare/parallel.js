// Runs as lines across parallel axes. A drag along an axis keeps the runs within; a click takes that away again. By keyboard
// each end of the part that is kept moves from one run's value to the next.

import { colourOf } from "../colours.js";
import { drawn } from "../dom.js";
import { keep, kept } from "../location.js";
import { t } from "../texts.js";
import { fitted, scaleOf, valueOf } from "./scale.js";

const [WIDEST, HEIGHT, TOP, BOTTOM, SIDE, GRIP] = [660, 300, 36, 12, 56, 24];
const APART = 110; // pixels between two axes: the texts have to be read on a phone, too
const SLACK = 0.02; // of an axis: a brush that all but reaches a run has it
const FULL = [0, 1];

const heightOf = (place) => HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM);
const placeAt = (height) => Math.min(1, Math.max(0, (HEIGHT - BOTTOM - height) / (HEIGHT - TOP - BOTTOM)));

/**
 * Draw the lines of runs {id, name, fields, metrics}; `choose(ids)` is called with the runs within all brushes, which the
 * address keeps.
 */
export function drawParallel(host, runs, names, point, choose) {
  const ranges = rangesOf(kept("within") ?? "");
  const scales = names.map((name) => scaleOf(runs, name));
  const width = Math.min(WIDEST, Math.max(host.clientWidth, names.length * APART));
  const x = (axis) => (names.length > 1 ? SIDE + (axis / (names.length - 1)) * (width - 2 * SIDE) : width / 2);
  const room = (width - 2 * SIDE) / Math.max(1, names.length - 1) - 8;

  const lines = runs.map((run) => {
    const places = names.map((name, axis) => scales[axis].place(valueOf(run, name)));
    const d = places.map((place, axis) => (place === null ? "" : `${axis && places[axis - 1] !== null ? "L" : "M"}${x(axis)} ${heightOf(place)}`)).join("");
    const line = drawn("path", { class: `line run-${colourOf(run.id)}`, "data-run": run.id, d }, drawn("title", {}, run.name));
    line.addEventListener("pointerenter", () => point(run.id));
    line.addEventListener("pointerleave", () => point(null));
    return { run, places, line };
  });

  const brushes = names.map((name, axis) => new Brush(x(axis), name, scales[axis].stops, ranges[axis] ?? FULL, update));
  const isWithin = ({ places }) => brushes.every((brush, axis) => brush.has(places[axis]));
  function update() {
    for (const each of lines) each.line.classList.toggle("out", !isWithin(each));
    keep({ within: brushes.map(textOf).join().replace(/^,+$/, "") || null });
    choose(lines.filter(isWithin).map(({ run }) => run.id));
  }

  const axes = names.flatMap((name, axis) => [
    drawn("path", { class: "axis", d: `M${x(axis)} ${TOP}V${HEIGHT - BOTTOM}` }),
    drawn("text", { x: x(axis), y: 14, "text-anchor": "middle" }, name.split(".").at(-1)),
    ...scales[axis].ticks.map(({ at, label }) => drawn("text", { x: x(axis) + 6, y: heightOf(at) + 4 }, fitted(label, room))),
    ...brushes[axis].elements,
  ]);
  const view = { viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": names.join(", ") };
  const plot = drawn("svg", view, ...lines.map(({ line }) => line), ...axes);
  plot.style.minWidth = `${width}px`;
  host.replaceChildren(plot);
  if (!brushes.every(({ isFull }) => isFull)) update();
} // prettier-ignore

/** The part of an axis that is kept, as text: `0.25-1`, or nothing for all of it. */
const textOf = ({ isFull, range }) => (isFull ? "" : range.map((end) => +end.toFixed(3)).join("-"));

/** The parts that such texts with commas between them name; undefined for all of an axis. */
function rangesOf(texts) {
  const ranges = texts.split(",").map((text) => text.split("-").map(Number));
  return ranges.map((range) => (range.length === 2 && range[0] <= range[1] ? range : undefined));
}

/** The part of an axis that is kept. */
class Brush {
  #range = FULL;
  #start = null; // of a drag

  /** A brush at `x`; `stops` are the values of the axis, and `changed` is called when it keeps another part. */
  constructor(x, name, stops, range, changed) {
    Object.assign(this, { stops, changed });
    this.area = drawn("rect", { class: "brush", x: x - 6, width: 12, visibility: "hidden" });
    this.grip = drawn("rect", { class: "grip", x: x - GRIP / 2, y: TOP, width: GRIP, height: HEIGHT - TOP - BOTTOM });
    this.ends = ["least", "most"].map((end, place) => this.#end(x, t(`compare.${end}`, { name }), place));
    this.grip.addEventListener("pointerdown", (event) => this.#begin(event));
    this.grip.addEventListener("pointermove", (event) => this.#start !== null && this.#drag(event));
    this.grip.addEventListener("pointerup", () => (this.#start = null));
    this.#keep(range.map((end) => Math.min(1, Math.max(0, end))));
  }

  get elements() {
    return [this.area, this.grip, ...this.ends];
  }

  /** The part that is kept. */
  get range() {
    return this.#range;
  }

  get isFull() {
    return this.#range[0] <= 0 && this.#range[1] >= 1;
  }

  /** True if a value at this place is kept; what is missing is, as long as everything is. */
  has(place) {
    const [low, high] = this.#range;
    return this.isFull || (place !== null && place > low - SLACK && place < high + SLACK);
  }

  #end(x, label, place) {
    const end = drawn("rect", {
      class: "end", x: x - 8, width: 16, height: 8, rx: 2,
      tabindex: 0, role: "slider", "aria-orientation": "vertical", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100,
    }); // prettier-ignore
    end.addEventListener("keydown", (event) => this.#key(event, place));
    return end;
  }

  #key(event, end) {
    const moves = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 };
    const range = [...this.#range];
    if (event.key in moves) range[end] = this.#next(range[end], moves[event.key]);
    else if (event.key === "Home") range[end] = 0;
    else if (event.key === "End") range[end] = 1;
    else if (event.key === "Escape") range.splice(0, 2, ...FULL);
    else return;
    event.preventDefault();
    if (range[0] > range[1]) return;
    this.#keep(range);
    this.changed();
  }

  /** The next stop of an end. */
  #next(place, by) {
    const places = [...new Set([...FULL, ...this.stops.map(({ at }) => at)])].sort((a, b) => a - b);
    const beyond = places.filter((stop) => (stop - place) * by > 1e-9);
    return (by > 0 ? beyond[0] : beyond.at(-1)) ?? place;
  }

  #begin(event) {
    this.#start = this.#placeOf(event);
    this.grip.setPointerCapture(event.pointerId);
    this.#drag(event);
  }

  #drag(event) {
    const [low, high] = [this.#start, this.#placeOf(event)].sort((a, b) => a - b);
    this.#keep(high - low > SLACK ? [low, high] : FULL);
    this.changed();
  }

  #placeOf({ clientY }) {
    const { top, height } = this.grip.ownerSVGElement.getBoundingClientRect();
    return placeAt(((clientY - top) / height) * HEIGHT);
  }

  #keep(range) {
    this.#range = range;
    const [low, high] = range;
    this.area.setAttribute("visibility", this.isFull ? "hidden" : "visible");
    this.area.setAttribute("y", heightOf(high));
    this.area.setAttribute("height", heightOf(low) - heightOf(high));
    this.ends.forEach((end, i) => {
      end.setAttribute("y", heightOf(range[i]) - (i ? 8 : 0));
      end.setAttribute("aria-valuenow", Math.round(100 * range[i]));
      end.setAttribute("aria-valuetext", this.#textAt(range[i]));
    });
  }

  /** The value that is nearest to a place. */
  #textAt(place) {
    const [nearest] = this.stops.toSorted((a, b) => Math.abs(a.at - place) - Math.abs(b.at - place));
    return nearest?.label ?? "";
  }
}
