// The page that compares runs.

import { address } from "../api.js";
import { Curve } from "../charts/curve.js";
import { CurvePanel, ordered } from "../charts/panel.js";
import { colourOf } from "../colours.js";
import { drawParallel } from "../compare/parallel.js";
import { drawScatter } from "../compare/scatter.js";
import { drawn } from "../dom.js";
import { bind } from "../keys.js";
import { keep, kept } from "../location.js";
import { complain } from "../notices.js";
import { t } from "../texts.js";

const ENDED = ["succeeded", "failed", "cancelled"];
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]]; // runs that have the same colour differ by them
const DRAW_MS = 200;
const runs = JSON.parse(document.getElementById("data").textContent);
const table = document.getElementById("runs");
const panel = new CurvePanel(document.getElementById("charts"), document.getElementById("tools"), seriesOfRuns);
const { group } = panel;
let drawing = 0;
let emphasised = null;

/** The lines of several runs: a chart for each series, with a line for each run. */
function seriesOfRuns({ curve, label, dash }) {
  return ordered(curve.series).map((name) => {
    const [part, metric] = name.split(".");
    return { title: t(`series.${part}.${metric}`), metric, name, label, dash };
  });
}

function entries() {
  const used = new Map(); // by colour: the number of runs so far
  return runs.map((run) => {
    const colour = colourOf(run.id);
    const place = used.get(colour) ?? 0;
    used.set(colour, place + 1);
    return { run, curve: new Curve(run.id), token: `--run-${colour}`, label: run.name, dash: DASHES[place % DASHES.length] };
  });
}

/** Show in the table what a run's lines look like. */
function showKeys(shown) {
  for (const { run, dash } of shown) {
    const key = drawn("path", { d: "M1 6H23", "stroke-dasharray": dash.join(" ") || "none" });
    const swatch = table.querySelector(`[data-run="${run.id}"] .swatch`);
    swatch.replaceWith(drawn("svg", { class: `key run-${colourOf(run.id)}`, viewBox: "0 0 24 12", "aria-hidden": "true" }, key));
  }
} // prettier-ignore

/** Keep what is live up to date. */
function follow({ run, curve }, kind, data) {
  if (kind === "points") curve.append(data);
  else if (kind === "progress") run.progress = data;
  else return;
  drawing ||= setTimeout(() => {
    drawing = 0;
    panel.draw();
  }, DRAW_MS);
}

/** The run that is pointed at is emphasised in every plot and in the table. */
function emphasise() {
  if (group.run === emphasised) return;
  emphasised = group.run;
  for (const element of document.querySelectorAll("[data-run].pointed")) element.classList.remove("pointed");
  if (emphasised) for (const element of document.querySelectorAll(`[data-run="${emphasised}"]`)) element.classList.add("pointed");
}

/** A row is pointed at by the pointer, by the focus, and by the keys that move the focus. */
function connectTable() {
  const rows = [...table.querySelectorAll("tr[data-run]")];
  for (const row of rows) {
    row.addEventListener("pointerenter", () => group.point(group.at, row.dataset.run));
    row.addEventListener("pointerleave", () => group.point(group.at, null));
    row.addEventListener("focusin", () => group.point(group.at, row.dataset.run));
  }
  const pointed = () => rows.findIndex((row) => row.dataset.run === group.run);
  const move = (by) => rows[Math.min(rows.length - 1, Math.max(0, pointed() + by))].querySelector("th a").focus();
  bind("j", t("keys.down"), () => move(1));
  bind("k", t("keys.up"), () => move(-1));
  bind("b", t("keys.baseline"), () => rows[pointed()]?.querySelector("a.ring")?.click());
}

/** Fields and metrics that a plot can show: those that differ, and all metrics. */
function connectPlots() {
  const plots = document.getElementById("plots");
  if (!plots) return;
  const point = (run) => group.point(group.at, run);
  const fields = Object.keys(runs[0].fields);
  const metrics = Object.keys(runs[0].metrics);
  const tools = document.getElementById("scatter-tools");
  for (const select of tools.querySelectorAll("select")) select.append(...[...fields, ...metrics].map((name) => new Option(name, name)));
  const { across, up } = tools.elements;
  for (const [select, usual] of [[across, fields[0] ?? metrics.at(-1)], [up, metrics[0] ?? fields[0]]]) {
    select.value = kept(select.name) ?? usual;
    select.value ||= usual; // the address may name a field that these runs have in common
  }
  const draw = () => drawScatter(document.getElementById("scatter"), runs, across.value, up.value, point);
  tools.addEventListener("change", () => {
    keep({ across: across.value, up: up.value });
    draw();
  });
  draw();
  const link = document.getElementById("brushed");
  const sweep = document.getElementById("sweep"); // for those who may train
  drawParallel(document.getElementById("parallel"), runs, [...fields, ...metrics.slice(0, 1)], point, (chosen) => {
    link.hidden = chosen.length === runs.length || chosen.length === 0;
    link.href = address(`/ui/compare?runs=${chosen.join()}`);
    if (!sweep) return;
    sweep.hidden = chosen.length === 0;
    sweep.href = address(`/ui/sweeps/new?runs=${chosen.join()}`);
  });
} // prettier-ignore

async function start() {
  const shown = entries();
  showKeys(shown);
  const live = shown.filter(({ run }) => !ENDED.includes(run.status));
  const { tell, watch } = live.length ? await import("../stream.js") : {};
  for (const entry of live) watch(entry.run.id, () => entry.curve.position, (kind, data) => follow(entry, kind, data));
  await panel.show(shown);
  tell?.();
} // prettier-ignore

group.addEventListener("point", emphasise);
connectTable();
connectPlots();
start().catch(complain);
