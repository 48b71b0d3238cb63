// The curve of one run: an overview of the whole, and the detail of the part that is shown.

import { get } from "../api.js";
import { joined, NONE, pointsOf, roundDown, smoothed } from "./points.js";

const POINTS = 2000; // of a series: about two for each pixel of a chart
const GROWN = 2 * POINTS; // points of an overview that has grown while the run trains, until it is read anew

export class Curve {
  #overview = new Map(); // by series; the whole, thinned
  #means = new Map(); // what is smoothed: of the overview, the mean of each bucket
  #smoothed = new WeakMap(); // by means: {halfLife, points}
  #thinned = new Set();
  #detail = null; // {from, to, series}
  #reading = null; // the detail that is on its way
  #loading = false;

  constructor(run, names) {
    Object.assign(this, { run, names });
  }

  /** Read the whole. What `append` has brought since stays. */
  async load() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      const answer = await this.#read({});
      for (const [name, series] of Object.entries(answer.series)) {
        if (series.stands_for) this.#thinned.add(name);
        const mean = series.mean ?? series.value;
        this.#overview.set(name, joined(pointsOf(series), this.#overview.get(name) ?? NONE));
        this.#means.set(name, joined(pointsOf({ step: series.step, value: mean }), this.#means.get(name) ?? NONE));
      }
    } finally {
      this.#loading = false;
    }
  }

  /** Show a range of steps in full resolution, as far as that fits; null shows the whole. True if points have changed. */
  async zoom(range) {
    this.#reading?.abort();
    if (range === null || this.#thinned.size === 0) {
      const changed = this.#detail !== null;
      this.#detail = null;
      return changed;
    }
    const [from, to] = [Math.max(1, Math.floor(range[0])), Math.max(1, Math.ceil(range[1]))];
    this.#reading = new AbortController();
    const answer = await this.#read({ from_step: from, to_step: to }, this.#reading.signal);
    const series = Object.entries(answer.series).map(([name, points]) => [name, pointsOf(points)]);
    this.#detail = { from, to, series: new Map(series) };
    return true;
  }

  #read(query, signal) {
    const search = new URLSearchParams({ points: POINTS, ...query });
    if (this.names) search.set("series", this.names.join());
    return get(`/runs/${this.run}/curve?${search}`, { signal });
  }

  /** Add points of the event stream, by series. Those that are there already are left out. */
  append(points) {
    for (const [name, answer] of Object.entries(points)) {
      if (this.names && !this.names.includes(name)) continue;
      const more = pointsOf(answer);
      for (const kept of [this.#overview, this.#means]) kept.set(name, joined(kept.get(name) ?? NONE, more));
      const { to, series } = this.#detail ?? {};
      if (series && this.points(name).steps.at(-1) < to) series.set(name, joined(series.get(name) ?? NONE, more));
    }
    if (Math.max(...[...this.#overview.values()].map(({ steps }) => steps.length)) > GROWN)
      this.load().catch(() => {}); // the next points try it again
  }

  /** Names of the series that have points. */
  get series() {
    return [...this.#overview.keys()].filter((name) => this.#overview.get(name).steps.length);
  }

  /** The points to draw of a series. */
  points(name) {
    return this.#detail?.series.get(name) ?? this.#overview.get(name) ?? NONE;
  }

  /** The series smoothed by a half-life, a share of all steps; null for none. */
  smooth(name, share) {
    const means = this.#means.get(name);
    if (!share || !means || means.steps.length < 50) return null;
    const halfLife = roundDown(means.steps.at(-1) * share);
    const known = this.#smoothed.get(means); // new points make new means
    if (known?.halfLife === halfLife) return known.points;
    const points = smoothed(means, halfLife);
    this.#smoothed.set(means, { halfLife, points });
    return points;
  }

  /** The last step of the loss, and of the other series: what has been seen of the event stream. */
  get position() {
    const last = (name) => this.#overview.get(name)?.steps.at(-1) ?? 0;
    const others = [...this.#overview.keys()].filter((name) => name !== "train.loss");
    return [last("train.loss"), Math.max(0, ...others.map(last))];
  }
}
