// What follows the pointer over a chart: the crosshair, a dot on every line, and the run that is pointed at in bold.

import { main, valueAt } from "./lines.js";

const NEAR = 30; // pixels from the pointer to the line that it means

export class Overlay {
  constructor(chart) {
    this.chart = chart;
    this.emphasis = document.createElement("canvas").getContext("2d");
    this.cross = document.createElement("canvas").getContext("2d");
    this.over = chart.uplot.over;
    this.over.append(this.emphasis.canvas, this.cross.canvas);
    this.over.addEventListener("pointermove", (event) => this.#point(event));
    this.over.addEventListener("pointerleave", () => chart.group.point(null, null));
    this.over.addEventListener("dblclick", () => chart.group.zoom(null));
    this.resize();
  }

  /** Take the size of the area that uPlot draws in. */
  resize() {
    const { width, height } = this.chart.uplot.bbox;
    for (const { canvas } of [this.emphasis, this.cross]) Object.assign(canvas, { width, height });
  }

  #point({ offsetX, offsetY }) {
    const { chart } = this;
    const at = chart.uplot.posToVal(offsetX, "x");
    const y = offsetY * devicePixelRatio + chart.uplot.bbox.top;
    let [best, run] = [NEAR * devicePixelRatio, null];
    for (const { line, value } of this.#values(at)) {
      const distance = Math.abs(chart.place(line).y(value) - y);
      if (distance < best) [best, run] = [distance, line.run];
    }
    chart.group.point(at, run);
  }

  /** The value of each line at a place of the axis. */
  #values(at) {
    return this.chart.lines.flatMap((line) => {
      const found = valueAt(main(line), at / line.perStep);
      return found ? [{ line, ...found }] : [];
    });
  }

  /** Draw the crosshair: often, so it costs little. */
  draw() {
    const { chart, cross } = this;
    const { at } = chart.group;
    const values = at === null ? [] : this.#values(at);
    chart.describe(values);
    this.#begin(cross);
    if (at !== null) this.#cross(at, values);
    cross.restore();
  }

  /** Draw the run that is pointed at in bold. */
  emphasise() {
    const { chart, emphasis } = this;
    this.#begin(emphasis);
    emphasis.lineWidth = 3.5 * devicePixelRatio;
    emphasis.lineJoin = "bevel"; // round joins of noisy lines take most of the time
    if (chart.isOfSeveral)
      for (const line of chart.lines) {
        if (line.run !== chart.group.run || !chart.paths.has(line)) continue;
        emphasis.strokeStyle = chart.ink(line);
        emphasis.stroke(chart.paths.get(line));
      }
    emphasis.restore();
  }

  /** Clear a canvas, and use the coordinates of the chart's own. */
  #begin(context) {
    const { left, top, width, height } = this.chart.uplot.bbox;
    if (context.canvas.width !== width || context.canvas.height !== height) this.resize();
    context.clearRect(0, 0, width, height);
    context.save();
    context.translate(-left, -top);
  }

  #cross(at, values) {
    const { chart, cross: context } = this;
    const ratio = devicePixelRatio;
    const { top, height } = chart.uplot.bbox;
    const x = Math.round(chart.uplot.valToPos(at, "x", true)) + 0.5;
    context.strokeStyle = chart.colours.text;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + height);
    context.stroke();
    for (const { line, step, value } of values) {
      const place = chart.place(line);
      const y = place.y(value);
      if (!Number.isFinite(y)) continue;
      context.fillStyle = chart.ink(line);
      context.strokeStyle = chart.colours.background;
      context.lineWidth = ratio;
      context.beginPath();
      context.arc(place.x(step), y, 3.5 * ratio, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }
}
