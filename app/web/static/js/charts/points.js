// Points of a series: steps in ascending order, and the values after them, which may be NaN or ±∞.

/** The points of one series of an answer of `GET /runs/{id}/curve` or of an event. */
export function pointsOf({ step, value }) {
  return { steps: Float64Array.from(step), values: Float64Array.from(value, Number) };
}

export const NONE = pointsOf({ step: [], value: [] });

/** Both, without the points of `more` that `points` has already. */
export function joined(points, more) {
  const last = points.steps.at(-1) ?? 0;
  const start = firstAfter(more.steps, last);
  if (start === more.steps.length) return points;
  return {
    steps: concatenated(points.steps, more.steps.subarray(start)),
    values: concatenated(points.values, more.values.subarray(start)),
  };
}

function concatenated(a, b) {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Index of the first step that is larger than `step`. */
export function firstAfter(steps, step) {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] > step) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Index of the point nearest to a step; -1 if there is none. */
export function nearest({ steps }, step) {
  const after = firstAfter(steps, step);
  if (after === 0) return steps.length ? 0 : -1;
  if (after === steps.length) return after - 1;
  return steps[after] - step < step - steps[after - 1] ? after : after - 1;
}

/** Indices of the points between two steps, with one more on either side: the line goes on beyond the edges. */
export function within({ steps }, from, to) {
  return [Math.max(0, firstAfter(steps, from) - 1), Math.min(steps.length, firstAfter(steps, to) + 1)];
}

/** Least and largest finite value between two steps; only positive ones for a logarithmic scale. */
export function extent({ steps, values }, from, to, log) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = firstAfter(steps, from - 1e-9); i < steps.length && steps[i] <= to; i++) {
    const value = values[i];
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/**
 * The exponential moving average of points, with a half-life in steps. Values that are not finite are passed over.
 *
 * It is always computed from the overview of the whole series, so it is the same whichever part is shown.
 */
export function smoothed({ steps, values }, halfLife) {
  const means = new Float64Array(values.length);
  let mean = NaN;
  let before = 0;
  let gap = NaN; // between two points, and what it makes of a new one: mostly the same again
  let weight = 1;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) {
      if (steps[i] - before !== gap) {
        gap = steps[i] - before;
        weight = 1 - 2 ** (-gap / halfLife);
      }
      mean = Number.isNaN(mean) ? values[i] : mean + weight * (values[i] - mean);
      before = steps[i];
    }
    means[i] = mean;
  }
  return { steps, values: means };
}

/** A number of the form 1, 2 or 5 times a power of ten, the largest up to `value`; at least 1. */
export function roundDown(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * [5, 2, 1].find((digit) => digit * power <= value || digit === 1);
}
