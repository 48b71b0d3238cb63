// Charts that share a crosshair, a zoom and the run that is pointed at.

/**
 * Events: `zoom` when another range is shown, `point` once a frame while the crosshair moves.
 *
 * A chart has `draw()`, `drawOverlay()` for what follows the pointer, `emphasise()` for the run that is pointed
 * at, and the `span` of the axis that it fills.
 */
export class Group extends EventTarget {
  charts = new Set();
  axis = "step";
  range = null; // [from, to] in units of the axis; null for everything
  at = null; // the crosshair, in units of the axis
  run = null; // the id of the run that is pointed at
  #frame = 0;
  #due = { draw: new Set(), emphasise: new Set() };

  /** Move the crosshair, or take it away with null, and say which run is pointed at. */
  point(at, run = this.run) {
    if (at === this.at && run === this.run) return;
    if (run !== this.run) this.#inTasks("emphasise", this.charts);
    this.at = at;
    this.run = run;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      for (const chart of this.charts) chart.drawOverlay();
      this.dispatchEvent(new Event("point"));
    });
  }

  /** Show a range of the axis in all charts, or everything with null. */
  zoom(range) {
    this.range = range;
    this.redraw();
    this.dispatchEvent(new Event("zoom"));
  }

  /** The range of the axis on which the charts have points. */
  get whole() {
    const spans = [...this.charts].map(({ span }) => span);
    const [from, to] = [Math.min(...spans.map(([start]) => start)), Math.max(...spans.map(([, end]) => end))];
    if (from < to) return [from, to];
    return from === to ? [from - 1, to + 1] : [0, 1];
  }

  /** Draw charts anew. */
  redraw(charts = this.charts) {
    this.#inTasks("draw", charts);
  }

  /** Call a method of charts, each in a task of its own, so that a page with many stays responsive. */
  #inTasks(method, charts) {
    const isIdle = !this.#due.draw.size && !this.#due.emphasise.size;
    for (const chart of charts) this.#due[method].add(chart);
    if (isIdle && charts.size !== 0) setTimeout(() => this.#next());
  }

  #next() {
    const method = this.#due.draw.size ? "draw" : "emphasise";
    const [chart] = this.#due[method];
    this.#due[method].delete(chart);
    if (this.charts.has(chart)) chart[method]();
    if (this.#due.draw.size || this.#due.emphasise.size) setTimeout(() => this.#next());
  }
}
