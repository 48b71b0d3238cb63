// A chart as a file: PNG, SVG, or CSV of the points that it shows.

import { element } from "../dom.js";
import { labels, main, traced } from "./lines.js";
import { within } from "./points.js";

const KINDS = { PNG: png, SVG: svg, CSV: csv };

/** Let the browser download a chart as PNG, SVG or CSV. */
export async function download(chart, kind) {
  save(await KINDS[kind](chart), `${fileName(chart.title)}.${kind.toLowerCase()}`);
}

const fileName = (title) => title.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "-");

function save(blob, name) {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

function png(chart) {
  const { canvas } = chart.uplot.ctx;
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d");
  context.fillStyle = chart.colours.background;
  context.fillRect(0, 0, copy.width, copy.height);
  context.drawImage(canvas, 0, 0);
  return new Promise((resolve) => copy.toBlob(resolve));
}

function csv(chart) {
  const [from, to] = chart.ranges.x;
  const rows = chart.lines.flatMap((line) => {
    const { steps, values } = line.points;
    const [start, end] = within(line.points, from / line.perStep, to / line.perStep);
    const quoted = `"${line.label.replaceAll('"', '""')}"`;
    return Array.from(steps.subarray(start, end), (step, i) => `${line.run},${quoted},${step},${values[start + i]}`);
  });
  return new Blob([["run,series,step,value", ...rows, ""].join("\n")], { type: "text/csv" });
}

/** The chart as a drawing: axes, lines and their names. */
function svg(chart) {
  const { width, height, bbox } = chart.uplot;
  const [left, top, wide, high] = [bbox.left, bbox.top, bbox.width, bbox.height].map((size) => size / devicePixelRatio);
  const box = { left, top, width: wide, height: high };
  const { text, rule, background } = chart.colours;
  const [from, to] = chart.ranges.x;
  const axes = chart.place({ perStep: 1 }, box);
  const pieces = [`<rect width="${width}" height="${height}" fill="${background}"/>`];
  for (const { at, label } of chart.ticks.x)
    pieces.push(
      stroked(`M${axes.x(at)} ${top}v${high}`, rule),
      `<text x="${axes.x(at)}" y="${top + high + 18}" text-anchor="middle" fill="${text}">${escaped(label)}</text>`,
    );
  for (const { at, label } of chart.ticks.y)
    pieces.push(
      stroked(`M${left} ${axes.y(at)}h${wide}`, rule),
      `<text x="${left - 6}" y="${axes.y(at) + 4}" text-anchor="end" fill="${text}">${escaped(label)}</text>`,
    );
  pieces.push(`<clipPath id="plot"><rect x="${left}" y="${top}" width="${wide}" height="${high}"/></clipPath>`);
  for (const line of chart.lines) {
    const place = chart.place(line, box);
    const trace = (points) => traced(points, from / line.perStep, to / line.perStep, place, new SvgPath());
    const path = (points) => trace(points).path;
    const dash = `stroke-dasharray="${line.dash.join(" ") || "none"}" clip-path="url(#plot)"`;
    if (line.smooth) pieces.push(stroked(path(line.points), chart.ink(line), `opacity="0.25" ${dash}`));
    pieces.push(stroked(path(main(line)), chart.ink(line), `stroke-width="1.5" ${dash}`));
    for (const { x, value } of trace(line.points).gaps)
      pieces.push(`<text x="${x}" y="${value === Infinity ? top + 12 : top + high - 4}" text-anchor="middle" fill="${chart.ink(line)}">${mark(value)}</text>`);
  }
  if (chart.labelled)
    for (const { line, y } of labels(chart.lines, to, (line) => chart.place(line, box), 16))
      pieces.push(`<text x="${left + wide + 8}" y="${y + 4}" fill="${chart.ink(line)}">${escaped(line.label)}</text>`);
  const drawing =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="12">${pieces.join("")}</svg>`;
  return new Blob([drawing], { type: "image/svg+xml" });
}

const mark = (value) => (Number.isNaN(value) ? "×" : value > 0 ? "▲" : "▼");
const stroked = (d, colour, more = "") => `<path d="${d}" fill="none" stroke="${colour}" ${more}/>`;

const escaped = (value) =>
  String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** What a Path2D records, as the `d` of a path in SVG. */
class SvgPath {
  #pieces = [];

  moveTo(x, y) {
    this.#pieces.push(`M${x.toFixed(1)} ${y.toFixed(1)}`);
  }

  lineTo(x, y) {
    this.#pieces.push(`L${x.toFixed(1)} ${y.toFixed(1)}`);
  }

  toString() {
    return this.#pieces.join("");
  }
}
