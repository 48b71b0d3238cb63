// The curves of one or more runs: a chart for each metric, and the choices that all of them share.

import { number, percent } from "../formats.js";
import { keep, kept } from "../location.js";
import { unitsPerStep } from "./axis.js";
import { Chart } from "./chart.js";
import { Group } from "./group.js";
import { extent } from "./points.js";

export const SMOOTHING = { none: 0, light: 0.003, medium: 0.01, strong: 0.05 }; // half-lives, as shares of all steps
const DEFAULTS = { axis: "step", smoothing: "medium", scale: "auto" };
const FAR_APART = 1000; // as the pictures of curves have it
const WAIT = 150; // ms without another zoom, until the detail is read

/** Formats of what is a share of 1. */
const FORMATS = { accuracy: percent, mape: percent };

export class CurvePanel {
  group = new Group();
  charts = new Map(); // by title
  curves = []; // {run, token, label, curve, marks}
  options = { ...DEFAULTS };

  /**
   * `linesOf(entry)` lists the lines of a run as `{title, name, label, dash}`: the chart, the series, and its looks.
   * `tools` has a control for each of `axis`, `smoothing` and `scale`, named so.
   */
  constructor(host, tools, linesOf) {
    Object.assign(this, { host, tools, linesOf });
    for (const name of Object.keys(DEFAULTS)) {
      const control = tools.elements[name];
      control.addEventListener("change", () => this.#choose(name, control.value));
    }
    this.#restore();
    this.group.addEventListener("zoom", () => this.#zoomed());
    addEventListener("popstate", () => {
      this.#restore();
      this.draw();
    });
  }

  /** Take what is shown from the address. */
  #restore() {
    for (const [name, usual] of Object.entries(DEFAULTS)) {
      const control = this.tools.elements[name];
      control.value = kept(name) ?? usual;
      this.options[name] = control.value || (control.value = usual); // a select takes none but its own values
    }
    this.group.axis = this.options.axis;
    const range = ["from", "to"].map((end) => Number.parseFloat(kept(end)));
    this.group.zoom(range.every(Number.isFinite) && range[0] < range[1] ? range : null);
  }

  #choose(name, value) {
    this.options[name] = value;
    if (name === "axis") {
      this.group.axis = value;
      this.group.range = null;
    }
    this.#keep(history.replaceState);
    this.draw();
  }

  /** Only losses and errors have a logarithmic axis: shares reach 0. By itself, where lines are far apart. */
  #isLog(metric, lines) {
    if (metric in FORMATS || metric === "r2") return false;
    return this.options.scale === "log" || (this.options.scale === "auto" && areFarApart(lines));
  }

  /** Keep what is shown in the address. */
  #keep(write) {
    const chosen = Object.entries(this.options).map(([name, value]) => [name, value === DEFAULTS[name] ? null : value]);
    keep({ ...Object.fromEntries(chosen), ...this.#range }, write);
  }

  get #range() {
    const [from, to] = this.group.range?.map((end) => Number(end.toPrecision(8))) ?? [null, null];
    return { from, to };
  }

  #zoomed() {
    this.#keep(history.pushState);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#readDetail(), WAIT);
  }

  async #readDetail() {
    const read = this.curves.map(async ({ run, curve }) => {
      const units = unitsPerStep(run, this.group.axis) ?? 1;
      return curve.zoom(this.group.range?.map((end) => end / units) ?? null);
    });
    const results = await Promise.allSettled(read);
    if (results.some(({ value }) => value)) this.draw();
  }

  /** Show these curves. */
  async show(curves) {
    this.curves = curves;
    await Promise.all(curves.map(({ curve }) => curve.load()));
    if (this.group.range) await this.#readDetail();
    this.draw();
  }

  /** Draw all charts with what the curves have by now. */
  draw() {
    const lines = new Map();
    const known = this.curves.filter(({ run }) => unitsPerStep(run, this.group.axis) !== null);
    for (const entry of known)
      for (const { title, metric, name, label, dash } of this.linesOf(entry)) {
        const line = {
          run: entry.run.id, token: entry.token, label, dash, perStep: unitsPerStep(entry.run, this.group.axis),
          points: entry.curve.points(name),
          smooth: entry.curve.smooth(name, SMOOTHING[this.options.smoothing]),
        }; // prettier-ignore
        if (!lines.has(title)) lines.set(title, { metric, lines: [], marks: entry.marks ?? [] });
        lines.get(title).lines.push(line);
      }
    for (const [title, { metric, lines: ofChart, marks }] of lines) this.#chart(title, metric).show(ofChart, { marks, log: this.#isLog(metric, ofChart) });
    for (const [title, chart] of this.charts)
      if (!lines.has(title)) {
        chart.remove();
        this.charts.delete(title);
      }
  }

  #chart(title, metric) {
    if (!this.charts.has(title)) {
      const format = FORMATS[metric] ?? number;
      this.charts.set(title, new Chart(this.host, this.group, { title, format }));
    }
    return this.charts.get(title);
  }
}

/** True if the largest value hides a line: if that line's median is far below it. */
function areFarApart(lines) {
  const middles = lines.map(({ points }) => median(points.values)).filter((value) => value > 0);
  const largest = Math.max(...lines.map(({ points }) => extent(points, 0, Infinity, false)[1]));
  return Number.isFinite(largest) && largest > FAR_APART * Math.min(...middles);
}

/** The median of about a hundred of the values. */
function median(values) {
  const step = Math.ceil(values.length / 100);
  const sorted = values.filter((value, i) => i % step === 0 && Number.isFinite(value)).sort();
  return sorted[sorted.length >> 1] ?? NaN;
}

/** Losses come first, then the other metrics; of each, the training before the validation. */
const ORDER = ["loss", "accuracy", "r2", "mse", "mae", "mape"];

export function ordered(series) {
  const place = (name) => ORDER.indexOf(name.split(".")[1]);
  return series.toSorted((a, b) => place(a) - place(b) || a.localeCompare(b));
}
