// A measure of every layer over time: a row for each layer, a column for each sample.

import { element } from "../dom.js";
import { number } from "../formats.js";
import { t } from "../texts.js";
import { steer } from "./steer.js";

const ROW = 20; // pixels

export class HeatMap {
  row = 0; // that is pointed at
  #end = new AbortController();

  /**
   * `rows` are {label, steps, values}, all of them samples after the same `steps`. A logarithmic scale is for what differs
   * by orders of magnitude. `unitsPerStep()` converts a step to the axis of the group.
   */
  constructor(host, group, { title, rows, log, format = number, unitsPerStep }) {
    Object.assign(this, { group, rows, log, format, unitsPerStep });
    this.steps = rows.reduce((longest, { steps }) => (steps.length > longest.length ? steps : longest), []);
    this.values = rows.map(({ steps, values }) => new Map(steps.map((step, i) => [step, Number(values[i])])));
    this.canvas = element("canvas", { role: "img", "aria-label": title, tabindex: "0" });
    this.cross = element("i", { hidden: true });
    this.output = element("output", { class: "chart-values" });
    const labels = element("div", { class: "heatmap-labels" }, ...rows.map(({ label }) => element("span", {}, label)));
    const ends = element("p", { class: "heatmap-ends" }, element("span", {}, this.#stepLabel(0)), element("span", {}, this.#stepLabel(-1)));
    this.figure = element(
      "figure",
      { class: "heatmap" },
      element("figcaption", {}, element("h3", {}, title), this.output),
      labels,
      element("div", { class: "heatmap-plot" }, this.canvas, this.cross),
      ends,
    );
    host.append(this.figure);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => group.point(null, null));
    document.addEventListener("antigrad:theme", () => this.draw(), { signal: this.#end.signal });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    group.charts.add(this);
    steer(this.canvas, group, this);
  } // prettier-ignore

  remove() {
    this.#end.abort();
    this.group.charts.delete(this);
    this.figure.remove();
  }

  #stepLabel(index) {
    return this.steps.length ? `${t("charts.axes.step")} ${number(this.steps.at(index))}` : "";
  }

  #level(value) {
    return this.log ? Math.log10(value) : value;
  }

  get #scale() {
    const levels = this.values.flatMap((row) => [...row.values()].map((value) => this.#level(value)));
    const finite = levels.filter(Number.isFinite);
    return this.log ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
  }

  /** A map is as wide as its samples; it does not widen the charts. */
  get span() {
    return [Infinity, -Infinity];
  }

  draw() {
    const { canvas, steps, rows } = this;
    const ratio = devicePixelRatio;
    this.width = canvas.clientWidth;
    canvas.width = this.width * ratio;
    canvas.height = rows.length * ROW * ratio;
    const style = getComputedStyle(canvas);
    const [raised, accent, bad] = ["--raised", "--accent", "--bad"].map((name) => style.getPropertyValue(name));
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const [low, high] = this.#scale;
    const column = this.width / steps.length;
    this.values.forEach((row, y) => {
      steps.forEach((step, x) => {
        const value = row.get(step);
        if (value === undefined) return;
        const box = [x * column, y * ROW + 1, Math.ceil(column), ROW - 2];
        context.fillStyle = raised;
        context.fillRect(...box);
        const level = (this.#level(value) - low) / (high - low || 1);
        context.globalAlpha = Number.isNaN(value) || value === Infinity ? 1 : Math.max(0, level);
        context.fillStyle = Number.isFinite(value) ? accent : bad;
        context.fillRect(...box);
        context.globalAlpha = 1;
      });
    });
  }

  #point({ offsetX, offsetY }) {
    const step = this.steps[Math.min(this.steps.length - 1, Math.floor((offsetX / this.width) * this.steps.length))];
    this.row = Math.floor(offsetY / ROW);
    this.group.point(step * this.unitsPerStep());
  }

  /** The ends of the axis. */
  get ends() {
    return [this.steps[0], this.steps.at(-1)].map((step) => step * this.unitsPerStep());
  }

  /** Name the values of a row. */
  choose(row) {
    this.row = Math.min(this.rows.length - 1, Math.max(0, row));
    this.drawOverlay();
  }

  /** A map is of one run. */
  emphasise() {}

  /** Show the crosshair at the sample before it, and name the value there: of the row that is pointed at. */
  drawOverlay() {
    const { at } = this.group;
    const column = at === null ? -1 : this.steps.findLastIndex((step) => step * this.unitsPerStep() <= at * (1 + 1e-9));
    this.cross.hidden = column < 0;
    this.cross.style.left = `${(100 * (column + 0.5)) / this.steps.length}%`;
    const row = column < 0 || !this.canvas.matches(":hover, :focus") ? null : this.rows[this.row];
    const step = this.steps[column];
    this.output.textContent = row ? `${t("charts.axes.step")} ${number(step)} · ${row.label} ${this.format(this.values[this.row].get(step))}` : "";
  } // prettier-ignore
}
