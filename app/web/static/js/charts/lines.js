// Lines of a chart as paths on a canvas.

import { nearest, within } from "./points.js";

const DOTS = 40; // points of a part that are dots too

// A place has `x(step)` and `y(value)` in pixels, and its edges; y is NaN for what a logarithmic axis cannot show. A line is a
// series of a run: {run, label, token of its colour, dash, points, smooth or null, perStep: units of the axis in a step}.

/** What is drawn in full colour: the smoothed points, or the points themselves. */
export const main = (line) => line.smooth ?? line.points;

/** The path of points between two steps, and the places of the values that are not finite. */
export function traced(points, from, to, place, path = new Path2D()) {
  const gaps = [];
  const [start, end] = within(points, from, to);
  let down = false;
  for (let i = start; i < end; i++) {
    const value = points.values[i];
    const y = place.y(value);
    if (Number.isFinite(y)) {
      const x = place.x(points.steps[i]);
      if (down) path.lineTo(x, y);
      else path.moveTo(x, y);
      if (!down && !Number.isFinite(place.y(points.values[i + 1]))) path.lineTo(x + 1, y); // alone between gaps
      down = true;
    } else {
      down = false;
      if (!Number.isFinite(value)) gaps.push({ x: place.x(points.steps[i]), value });
    }
  }
  return { path, gaps };
}

/** Draw a line: the points faintly behind their smoothed values. Returns the path of the latter, and the gaps. */
export function drawLine(context, line, colour, range, place, ratio) {
  const [from, to] = range.map((at) => at / line.perStep);
  const { path, gaps } = traced(line.points, from, to, place);
  context.strokeStyle = context.fillStyle = colour;
  context.lineJoin = "round";
  context.setLineDash(line.dash.map((length) => length * ratio));
  if (line.smooth) {
    context.globalAlpha = 0.25;
    context.lineWidth = ratio;
    context.stroke(path);
    context.globalAlpha = 1;
  }
  const strong = line.smooth ? traced(line.smooth, from, to, place).path : path;
  context.lineWidth = 1.5 * ratio;
  context.stroke(strong);
  context.setLineDash([]);
  return { path: strong, gaps };
}

/** Draw dots where points are so few that each of them counts. */
export function drawDots(context, { points, perStep }, colour, range, place, ratio) {
  const [start, end] = within(points, ...range.map((at) => at / perStep));
  if (end - start > DOTS) return;
  context.fillStyle = colour;
  for (let i = start; i < end; i++) {
    const [x, y] = [place.x(points.steps[i]), place.y(points.values[i])];
    if (!Number.isFinite(y) || x < place.left - 1 || x > place.right + 1) continue;
    context.beginPath();
    context.arc(x, y, 2.5 * ratio, 0, 2 * Math.PI);
    context.fill();
  }
}

/** Mark values that are not finite: a cross for NaN below, a triangle for ∞ above and for −∞ below. */
export function drawGaps(context, gaps, colour, place, ratio) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.5 * ratio;
  const size = 4 * ratio;
  let last = -Infinity;
  for (const { x, value } of gaps) {
    if (x - last < 2 * size || x < place.left - 1 || x > place.right + 1) continue;
    last = x;
    const y = value === Infinity ? place.top + 2 * size : place.bottom - 2 * size;
    const tip = value === Infinity ? -size : size;
    context.beginPath();
    if (Number.isNaN(value)) {
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y + size);
      context.moveTo(x - size, y + size);
      context.lineTo(x + size, y - size);
      context.stroke();
    } else {
      context.moveTo(x - size, y);
      context.lineTo(x + size, y);
      context.lineTo(x, y + tip);
      context.fill();
    }
  }
}

/** The value of a line nearest to a step, as `{step, value}`; null if it has none. */
export function valueAt(points, step) {
  const index = nearest(points, step);
  return index < 0 ? null : { step: points.steps[index], value: points.values[index] };
}

/** The places of the lines' names at their right ends, moved apart where they would overlap. */
export function labels(lines, to, placeOf, height) {
  const placed = lines
    .map((line) => ({ line, y: placeOf(line).y(valueAt(main(line), to / line.perStep)?.value ?? NaN) }))
    .filter(({ y }) => Number.isFinite(y))
    .sort((a, b) => a.y - b.y);
  if (!placed.length) return [];
  const { top, bottom } = placeOf(placed[0].line);
  let floor = top + height / 2;
  for (const label of placed) floor = (label.y = Math.max(label.y, floor)) + height;
  let ceiling = bottom - height / 2;
  for (const label of placed.toReversed()) ceiling = (label.y = Math.min(label.y, ceiling)) - height;
  return placed;
}
