// The list of runs as they go on. What trains is followed in its row; where a run begins, ends or is deleted, the list is
// loaded again. While nothing happens, nothing is asked for.

import { duration, metric, number, percent } from "../formats.js";
import { refresh } from "../live.js";
import "../newest.js"; // now, so that it is there when this tab has to read the stream
import { tell, watch, watchNewest } from "../stream.js";
import { Sparkline } from "./sparkline.js";

const GATHER_MS = 200; // changes that come together
const SILENT_MS = 10_000; // of a training between two measurements, until its steps are asked for
const ENDED = ["succeeded", "failed", "cancelled"];
const FIGURES = {
  duration: ({ seconds }) => duration(seconds),
  epoch: ({ epoch }) => number(epoch),
  step: ({ step }) => number(step),
};

const list = () => document.getElementById("list");
const rowOf = (run) => list().querySelector(`tr[id="${run}"]`);
const statuses = new Map(); // by run, of those that are not on this page too
const sparklines = new Map(); // by run, since the list was loaded
const followed = new Set(); // runs that are followed one by one
let gathering = 0;
let isStale = false; // the list, while the window is not seen

/** Follow the runs from now on. */
export function followRuns() {
  watchNewest((states) => {
    for (const [run, state] of states) take(run, state);
  });
  followOlder();
  document.addEventListener("visibilitychange", () => isStale && load());
  for (const failure of ["htmx:error", "htmx:response:error"])
    document.addEventListener(failure, () => statuses.clear()); // what the list has not shown is news once more
  document.addEventListener("htmx:after:swap", () => {
    sparklines.clear();
    followOlder();
  });
}

/** The runs that are shown are among the newest, unless the reader filters or sorts them, or leafs through them. */
function followOlder() {
  const search = new URLSearchParams(location.search);
  if (!["q", "sort", "cursor"].some((name) => search.get(name))) return;
  for (const { id, dataset } of list().querySelectorAll("tr[data-status]")) {
    if (ENDED.includes(dataset.status) || followed.has(id)) continue;
    followed.add(id);
    watch(id, () => [Number(dataset.step), Number(dataset.step)], (kind, data) => takeEvent(id, kind, data));
  }
  tell();
} // prettier-ignore

function takeEvent(run, kind, data) {
  if (kind === "progress") take(run, { progress: data });
  else if (kind === "gone") take(run, null);
  else if (kind === "status" || kind === "done") take(run, { status: data.status });
}

/** Take what is new of a run; null if it is gone. */
function take(run, state) {
  if (isNews(run, state)) load();
  if (state?.progress) showProgress(run, state.progress);
}

/** True if the list does not show this status yet. */
function isNews(run, state) {
  if (state === null) return statuses.delete(run) || rowOf(run) !== null;
  if (!state.status) return false;
  const before = statuses.get(run) ?? rowOf(run)?.dataset.status;
  statuses.set(run, state.status);
  return before === undefined ? run > list().dataset.newest : before !== state.status;
}

function load() {
  isStale = document.visibilityState !== "visible";
  if (isStale) return;
  gathering ||= setTimeout(() => {
    gathering = 0;
    refresh("list");
  }, GATHER_MS);
}

function showProgress(run, progress) {
  const row = rowOf(run);
  if (!row || ENDED.includes(row.dataset.status)) return;
  for (const [name, text] of Object.entries(FIGURES)) {
    const cell = row.querySelector(`[data-figure=${name}]`);
    if (cell) cell.textContent = text(progress);
  }
  const bar = row.querySelector("progress");
  if (bar && progress.fraction !== undefined) bar.value = progress.fraction;
  showBest(row.querySelector("data"), progress.metrics.validation ?? {});
  const drawing = row.querySelector("[data-losses]");
  if (!drawing) return;
  if (!sparklines.has(run)) sparklines.set(run, new Sparkline(drawing));
  sparklines.get(run).add(progress);
  if (performance.now() - sparklines.get(run).changed > SILENT_MS) load();
}

function showBest(best, { accuracy, r2 }) {
  const value = accuracy ?? r2;
  if (!best || typeof value !== "number" || (best.value && value <= Number(best.value))) return;
  best.value = value;
  best.textContent = accuracy === undefined ? metric(value, 3) : percent(value);
}
