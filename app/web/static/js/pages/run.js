// The page of one run.

import { get } from "../api.js";
import { CurvePanel, ordered } from "../charts/panel.js";
import { Curve } from "../charts/curve.js";
import { colourOf } from "../colours.js";
import { complain } from "../notices.js";
import { connectActions } from "../run/actions.js";
import { showDiagnosis } from "../run/diagnosis.js";
import { showLayers } from "../run/layers.js";
import { showArchitecture } from "../run/network.js";
import { localTimes, showProgress } from "../run/progress.js";
import { t } from "../texts.js";

const article = document.getElementById("run");
const id = article.dataset.run;
const curve = new Curve(id);
const panel = new CurvePanel(document.getElementById("charts"), document.getElementById("tools"), partsOfRun);
const ENDED = ["succeeded", "failed", "cancelled"];
const DRAW_MS = 200;
const SAMPLE_MS = 10_000;

/** The lines of one run: a chart for each metric, with the training and the validation part. */
function partsOfRun({ curve }) {
  return ordered(curve.series).map((name) => {
    const [part, metric] = name.split(".");
    return { title: t(`metrics.${metric}`), metric, name, label: t(`parts.${part}`), dash: part === "train" ? [] : [5, 3] };
  });
}

let run;
let drawing = 0;
let sampled = 0; // when the layers were shown last

/** Read what changes only when the run ends, or when it begins again. */
async function settle() {
  const parts = [showLayers(run, panel.group)];
  if (document.getElementById("filters")) parts.push(import("../run/filters.js").then(({ showFilters }) => showFilters(run)));
  if (document.getElementById("part").options.length) parts.push(import("../run/mistakes.js").then(({ showMistakes }) => showMistakes(run)));
  for (const part of parts) part.catch(complain);
  panel.curves[0].marks = await showDiagnosis(id, run);
  panel.draw();
} // prettier-ignore

/** Take the head and the side of the page as the service renders them now. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["head", "timeline", "mistakes"]) document.getElementById(part)?.replaceWith(fresh.getElementById(part));
  localTimes();
}

function take(kind, data) {
  if (kind === "points") {
    curve.append(data);
    drawing ||= setTimeout(draw, DRAW_MS);
  } else if (kind === "progress") {
    Object.assign(run, { progress: data });
    showProgress(data);
    if (performance.now() - sampled > SAMPLE_MS) showSamples();
  } else if (kind === "status" || kind === "done") again(data);
}

function draw() {
  drawing = 0;
  panel.draw();
}

/** Show what has been sampled of the layers since. */
function showSamples() {
  sampled = performance.now();
  showLayers(run, panel.group).catch(complain);
}

/** The status that the head of the page shows: the run may have gone on since the page was made. */
const shownStatus = () => document.getElementById("head").dataset.status;

/** Follow a change of the run's status. */
async function again({ status }) {
  if (status === shownStatus()) return;
  run = await get(`/runs/${id}`);
  await refresh();
  if (ENDED.includes(run.status)) {
    await curve.load();
    await settle();
  }
}

/** Follow the run's events, after the points that the curve has. */
async function follow() {
  const { tell, watch } = await import("../stream.js");
  watch(id, () => curve.position, take);
  return tell;
}

async function start() {
  run = await get(`/runs/${id}`);
  if (run.status !== shownStatus()) await refresh();
  const isLive = !ENDED.includes(run.status);
  const tell = isLive && (await follow()); // before the curve is read, so that no point is missed
  await panel.show([{ run, curve, token: `--run-${colourOf(id)}`, label: run.name ?? id, marks: [] }]);
  if (isLive) tell();
  showArchitecture(id).catch(complain);
  await settle();
}

connectActions(article, () => run, async () => {
  run = await get(`/runs/${id}`);
  await refresh();
  (await follow())();
}); // prettier-ignore
localTimes();
start().catch(complain);
