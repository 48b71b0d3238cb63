// A chart of lines. uPlot draws its axes; the lines and the crosshair are drawn here.

import { element } from "../dom.js";
import { number } from "../formats.js";
import { t } from "../texts.js";
import uPlot from "../uplot.js";
import { drawDots, drawGaps, drawLine, labels } from "./lines.js";
import { Overlay } from "./overlay.js";
import { extent } from "./points.js";
import { steer } from "./steer.js";

const LABELLED = 4; // lines whose names stand at their ends
const FULL = [0, 1]; // a range without any point
const POSITIVE = [0.1, 1]; // such a range of a logarithmic axis

export class Chart {
  lines = [];
  marks = []; // {step, label}: places that are named, such as a finding's
  paths = new Map(); // by line
  ticks = { x: [], y: [] }; // {at, label} of each axis
  #ranges = { x: FULL, y: FULL };
  #inks = new Map(); // colours by token
  #end = new AbortController();

  /** A chart in `host`, with others in `group`. `format` writes values. */
  constructor(host, group, { title, format = number }) {
    Object.assign(this, { group, title, format, log: false });
    this.output = element("output", { class: "chart-values" });
    this.plot = element("div", { class: "chart-plot", tabindex: "0", role: "img", "aria-label": title });
    const heading = element("figcaption", {}, element("h3", {}, title), this.output, this.#downloads());
    this.figure = element("figure", { class: "chart" }, heading, this.plot);
    host.append(this.figure);
    this.#build();
    new ResizeObserver(() => this.#resize()).observe(this.plot);
    document.addEventListener("antigrad:theme", ({ detail }) => this.rebuild(detail.isAtOnce), { signal: this.#end.signal });
    group.charts.add(this);
    steer(this.plot, group, this);
  }

  /** A button for each kind of file; what makes them is loaded when it is asked for. */
  #downloads() {
    const buttons = ["PNG", "SVG", "CSV"].map((kind) => {
      const button = element("button", { type: "button", class: "quiet" }, kind);
      button.addEventListener("click", async () => (await import("./downloads.js")).download(this, kind));
      return button;
    });
    return element("span", { class: "chart-downloads" }, ...buttons);
  }

  remove() {
    this.#end.abort();
    this.group.charts.delete(this);
    this.uplot.destroy();
    this.figure.remove();
  }

  /** Show other lines, on a linear or a logarithmic axis. */
  show(lines, { marks = [], log = false } = {}) {
    const isOther = log !== this.log;
    Object.assign(this, { lines, marks, log });
    this.isOfSeveral = new Set(lines.map(({ run }) => run)).size > 1;
    if (isOther) this.rebuild();
    else this.group.redraw([this]);
  }

  /** Draw with new colours or another kind of axis, which uPlot takes only when it is made. */
  rebuild(isAtOnce = false) {
    this.uplot.destroy();
    this.#build();
    if (isAtOnce) this.draw();
    else this.group.redraw([this]);
  }

  #build() {
    this.#ranges = { ...this.#ranges, y: this.log ? POSITIVE : FULL };
    const style = getComputedStyle(this.plot);
    const [text, rule] = ["--muted", "--line"].map((name) => style.getPropertyValue(name));
    const font = `${Math.ceil(parseFloat(style.fontSize))}px ${style.fontFamily}`; // uPlot knows whole pixels only
    const axis = { stroke: text, font, ticks: { show: false }, grid: { stroke: rule, width: 1 } };
    this.colours = { text, rule, background: style.getPropertyValue("--paper") };
    this.#inks.clear();
    this.font = font;
    const options = {
      ...this.#size(),
      pxAlign: 1,
      padding: [8, () => (this.labelled ? 80 : 12), 0, 0],
      legend: { show: false },
      cursor: {
        x: false, y: false, points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => null },
      },
      scales: {
        x: { time: false, range: () => this.#ranges.x },
        y: { distr: this.log ? 3 : 1, range: () => this.#ranges.y },
      },
      axes: [
        { ...axis, size: 28, gap: 6, space: 72, values: (_, splits) => this.#label("x", splits, number) },
        { ...axis, size: 56, gap: 6, space: 36, ...(this.log && this.#logarithmic), values: (_, splits) => this.#label("y", splits, (at) => this.#brief(at)) },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { draw: [() => this.#drawLines()], setSelect: [() => this.#select()] },
    }; // prettier-ignore
    this.uplot = new uPlot(options, [FULL, [null, null]], this.plot);
    this.overlay = new Overlay(this);
  }

  /** Ticks of a logarithmic axis, all of them with their texts. */
  #logarithmic = { splits: () => logarithmicTicks(this.#ranges.y), filter: (_, splits) => splits };

  /** The texts of an axis; uPlot leaves out a tick by null. */
  #label(axis, splits, format) {
    this.ticks[axis] = splits.filter((at) => at !== null).map((at) => ({ at, label: format(at) }));
    return splits.map((at) => (at === null ? "" : format(at)));
  }

  /** The text of a tick of the vertical axis, which has room for six digits. Over many decades, all are powers of ten. */
  #brief(at) {
    const [low, high] = this.#ranges.y;
    if (this.log && high > 1e6 * low) return at.toExponential(0).replace("e+", "e").replace("-", "−");
    return Math.abs(at) < 1e6 ? this.format(at) : at.toExponential(2).replace(/\.?0*e\+/, "e");
  }

  /** True if the lines' names stand at their ends. */
  get labelled() {
    return this.lines.length <= LABELLED && this.plot.clientWidth > 260;
  }

  #size() {
    return { width: Math.max(120, this.plot.clientWidth), height: Math.max(80, this.plot.clientHeight) };
  }

  #resize() {
    const { width, height } = this.#size();
    if (width === this.uplot.width && height === this.uplot.height) return;
    this.uplot.setSize({ width, height });
    this.overlay.resize();
  }

  /** Draw everything anew. */
  draw() {
    const x = this.group.range ?? this.group.whole;
    this.#ranges = { x, y: this.#heights(x) };
    this.uplot.setData([x, [null, null]]);
  }

  /** The first and the last place of the axis with a point. */
  get span() {
    const ends = this.lines.map(({ points, perStep }) => (points.steps.at(-1) ?? -Infinity) * perStep);
    const starts = this.lines.map(({ points, perStep }) => (points.steps[0] ?? Infinity) * perStep);
    return [Math.min(...starts), Math.max(...ends)];
  }

  #heights([from, to]) {
    let [low, high] = [Infinity, -Infinity];
    for (const { points, perStep } of this.lines) {
      const [least, most] = extent(points, from / perStep, to / perStep, this.log);
      [low, high] = [Math.min(low, least), Math.max(high, most)];
    }
    if (high < low) return this.log ? POSITIVE : FULL;
    if (this.log) return [low / 1.2, high * 1.2];
    const margin = (high - low || Math.abs(high) || 1) * 0.05;
    return [low - margin, high + margin];
  }

  /** Positions of a line's points in a box: by default on the canvas, in its pixels. */
  place(line, { left, top, width, height } = this.uplot.bbox) {
    const [from, to] = this.#ranges.x;
    const level = this.log ? Math.log10 : (value) => value;
    const [low, high] = this.#ranges.y.map(level);
    return {
      left,
      right: left + width,
      top,
      bottom: top + height,
      x: (step) => left + ((step * line.perStep - from) / (to - from)) * width,
      y: (value) => top + ((high - level(value)) / (high - low)) * height,
    };
  }

  /** The colour of a line in the present theme. */
  ink({ token }) {
    if (!this.#inks.has(token)) this.#inks.set(token, getComputedStyle(this.plot).getPropertyValue(token));
    return this.#inks.get(token);
  }

  #drawLines() {
    const { ctx: context, bbox } = this.uplot;
    const ratio = devicePixelRatio;
    context.save();
    context.beginPath();
    context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    context.clip();
    this.#drawMarks(context, ratio);
    this.paths.clear();
    const gaps = new Map();
    for (const line of this.lines) {
      const drawn = drawLine(context, line, this.ink(line), this.#ranges.x, this.place(line), ratio);
      this.paths.set(line, drawn.path);
      gaps.set(line, drawn.gaps);
    }
    context.restore();
    context.save(); // dots and marks are whole, even at an edge
    for (const line of this.lines) {
      const [colour, place] = [this.ink(line), this.place(line)];
      drawDots(context, line, colour, this.#ranges.x, place, ratio);
      drawGaps(context, gaps.get(line), colour, place, ratio);
    }
    context.restore();
    if (this.labelled) this.#drawLabels(context, ratio);
    this.drawOverlay();
    this.emphasise();
  }

  #drawLabels(context, ratio) {
    const { left, width } = this.uplot.bbox;
    const [, to] = this.#ranges.x;
    context.font = this.#fontAt(ratio);
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const { line, y } of labels(this.lines, to, (line) => this.place(line), 16 * ratio)) {
      context.fillStyle = this.ink(line);
      context.fillText(line.label, left + width + 8 * ratio, y);
    }
  }

  #fontAt(ratio) {
    return this.font.replace(/[\d.]+px/, (size) => `${parseFloat(size) * ratio}px`);
  }

  #drawMarks(context, ratio) {
    if (!this.lines.length) return;
    const place = this.place(this.lines[0]);
    context.strokeStyle = context.fillStyle = this.colours.text;
    context.lineWidth = ratio;
    context.font = this.#fontAt(ratio);
    context.textAlign = "left";
    context.textBaseline = "top";
    for (const { step, label } of this.marks) {
      const x = place.x(step);
      context.setLineDash([2 * ratio, 3 * ratio]);
      context.beginPath();
      context.moveTo(x, place.top);
      context.lineTo(x, place.bottom);
      context.stroke();
      context.fillText(label, x + 4 * ratio, place.top + 2 * ratio);
    }
    context.setLineDash([]);
  }

  #select() {
    const { left, width } = this.uplot.select;
    if (width < 4) return;
    const range = [left, left + width].map((x) => this.uplot.posToVal(x, "x"));
    this.uplot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.group.zoom(range);
  }

  drawOverlay() {
    this.overlay.draw();
  }

  emphasise() {
    this.overlay.emphasise();
  }

  /** The values at the crosshair as text: of every line, or only of the run that is pointed at. */
  describe(values) {
    const { run, at } = this.group;
    const named = values.length <= LABELLED ? values : values.filter(({ line }) => line.run === run);
    const parts = named.map(({ line, value }) => `${line.label} ${this.format(value)}`);
    const { axis } = this.group;
    const place = `${t(`charts.axes.${axis}`)} ${number(axis === "step" ? Math.round(at) : at)}`;
    this.output.textContent = at === null ? "" : [place, ...parts].join(" · ");
  }

  /** The ranges of both axes that are shown. */
  get ranges() {
    return this.#ranges;
  }

  /** The ends of the horizontal axis. */
  get ends() {
    return this.#ranges.x;
  }

  get firstRun() {
    return this.lines[0]?.run;
  }
}

/** Ticks of a logarithmic axis, at most eight: powers of ten, or between few of them also their double and quintuple. */
function logarithmicTicks([low, high]) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const step = Math.ceil((last - first) / 8);
  const digits = last - first <= 2 ? [1, 2, 5] : [1];
  const powers = Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => 10 ** (first + i * step));
  return powers.flatMap((power) => digits.map((digit) => digit * power)).filter((at) => at >= low && at <= high);
}
