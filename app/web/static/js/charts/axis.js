// Horizontal axes. A curve is kept by step, and drawn by step, epoch, time in seconds, or examples seen.

export const AXES = ["step", "epoch", "time", "examples"];

/** How many units of the axis one step of the run takes; null while that is not known. */
export function unitsPerStep(run, axis) {
  const { step, seconds, steps_per_epoch: steps } = run.progress;
  switch (axis) {
    case "epoch":
      return steps ? 1 / steps : null;
    case "time":
      return step && seconds ? seconds / step : null;
    case "examples":
      return steps && run.environment.examples ? run.environment.examples.train / steps : null;
    default:
      return 1;
  }
}
