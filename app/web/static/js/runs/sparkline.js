// The losses of a run that trains, at a glance. app/runs/overview.py and the macro `sparkline` do the same for templates.

import { drawn } from "../dom.js";

const PARTS = ["train", "validation"];
const MOST = 96; // points of a line

export class Sparkline {
  changed = performance.now();

  /** `drawing` has the lines in `data-losses`: steps, and logarithms of the losses; first those of the training. */
  constructor(drawing) {
    this.drawing = drawing;
    this.lines = JSON.parse(drawing.dataset.losses);
  }

  /** Go on to the step and the losses of a run's progress. */
  add({ step, metrics }) {
    PARTS.forEach((part, place) => {
      const loss = Math.log10(metrics[part]?.loss);
      if (!Number.isFinite(loss)) return;
      const [steps, losses] = (this.lines[place] ??= [[], []]);
      if (step <= (steps.at(-1) ?? 0) || loss === losses.at(-1)) return; // it is measured once an epoch
      this.changed = performance.now();
      steps.push(step);
      losses.push(loss);
      if (steps.length > MOST) this.lines[place] = [halved(steps), halved(losses)];
    });
    this.draw();
  }

  draw() {
    const lines = this.lines.filter(Boolean);
    const [x, y] = [0, 1].map((axis) => scaled(lines.flatMap((line) => line[axis])));
    const points = ([steps, losses]) => steps.map((step, i) => `${(1 + 94 * x(step)).toFixed(1)},${(22 - 20 * y(losses[i])).toFixed(1)}`);
    this.drawing.replaceChildren(...lines.map((line) => drawn("polyline", { points: points(line).join(" ") })));
  } // prettier-ignore
}

/** From values to places between 0 and 1. */
function scaled(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return (value) => (value - low) / (high - low || 1);
}

/** The means of neighbours; the last value stays as it is. */
function halved(values) {
  const pairs = values.slice(0, -1).filter((value, i) => i % 2 === 0);
  return [...pairs.map((value, i) => (value + (values[2 * i + 1] ?? value)) / 2), values.at(-1)];
}
