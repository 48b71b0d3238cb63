// A sweep: its ranking as it grows, its trials across parallel axes, and the importance of its parameters.

import { get } from "../api.js";
import { drawParallel } from "../compare/parallel.js";
import { keepLive } from "../live.js";
import { said } from "../messages.js";
import { complain } from "../notices.js";
import { drawImportance } from "../sweep/importance.js";

const FEWEST = 8; // trials with a value that the importance takes
const part = document.getElementById("content");
let drawnData = "";

/** Rows of the table by the run that stands for the trial. */
const rows = () => document.querySelectorAll("#trials tr[data-run]");

function point(run) {
  for (const row of rows()) row.classList.toggle("pointed", row.dataset.run === run);
}

/** Trials that no brush leaves out stay dark in the table. */
function choose(chosen) {
  for (const row of rows()) row.classList.toggle("out", !chosen.includes(row.dataset.run));
}

async function draw() {
  const text = document.getElementById("data").textContent;
  if (text === drawnData) return;
  drawnData = text;
  const { sweep, names, trials } = JSON.parse(text);
  const host = document.getElementById("parallel");
  if (host && trials.length) drawParallel(host, trials, names, point, choose);
  const measured = trials.filter(({ metrics }) => Object.values(metrics).some((value) => value !== null));
  if (measured.length >= FEWEST) await explain(sweep);
}

async function explain(sweep) {
  const text = document.getElementById("importance-text");
  text.hidden = !("isSaid" in text.dataset); // the hint does not hold while the sentence is on its way
  try {
    const { parameters, message, sentence } = await get(`/sweeps/${sweep}/importance`);
    text.replaceChildren(await said(message, sentence));
    text.dataset.isSaid = "";
    drawImportance(document.getElementById("importance"), parameters);
  } catch (problem) {
    if (problem.status !== 409) throw problem; // too few trials have a value, or all have the same
  } finally {
    text.hidden = false;
  }
}

keepLive("sweep");
new MutationObserver(() => draw().catch(complain)).observe(part, { childList: true, subtree: true, characterData: true });
draw().catch(complain);
