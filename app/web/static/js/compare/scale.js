// Scales of plots: from the values of a field or metric to a place between 0 and 1.

import { number } from "../formats.js";

const LETTER = 6.5; // pixels, about
const APART = 0.08; // of an axis: texts that are closer overlap

/** The value of a run by the name of a field or metric. */
export function valueOf(run, name) {
  return name in run.fields ? run.fields[name] : run.metrics[name];
}

/**
 * A scale of the runs' values: numbers by size, logarithmic where they span three orders of magnitude, other values in the
 * order in which they come. `place(value)` is null for what is missing. `stops` are {at, label} of all values, and `ticks`
 * those of them whose texts have room.
 */
export function scaleOf(runs, name) {
  const values = runs.map((run) => valueOf(run, name)).filter((value) => value !== null && value !== undefined);
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length && numbers.length === values.length) return ofNumbers(numbers);
  const words = [...new Set(values.map(text))];
  const step = 1 / Math.max(1, words.length - 1);
  const stops = words.map((word, i) => ({ at: words.length > 1 ? i * step : 0.5, label: word }));
  const place = (value) => (value === null || value === undefined ? null : stops[words.indexOf(text(value))].at);
  return { place, stops, ticks: stops };
}

/** A label in so many pixels, cut where it is longer. */
export function fitted(label, pixels) {
  const most = Math.max(3, Math.floor(pixels / LETTER));
  return label.length > most ? `${label.slice(0, most - 1)}…` : label;
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function ofNumbers(numbers) {
  const isLog = Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) >= 100;
  const level = isLog ? Math.log10 : (value) => value;
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)].map(level);
  const place = (value) => (Number.isFinite(value) ? (high === low ? 0.5 : (level(value) - low) / (high - low)) : null);
  const sorted = [...new Set(numbers)].filter(Number.isFinite).sort((a, b) => a - b);
  const stops = sorted.map((value) => ({ at: place(value), label: number(value) }));
  const ends = stops.length > 1 ? [stops[0], stops.at(-1)] : stops;
  return { place, stops, ticks: stops.length <= 6 ? apart(stops, ends) : ends };
}

/** Both ends, and the other stops whose texts do not overlap. */
function apart(stops, ends) {
  const kept = [...ends];
  for (const stop of stops) if (kept.every(({ at }) => Math.abs(stop.at - at) >= APART)) kept.push(stop);
  return kept;
}
