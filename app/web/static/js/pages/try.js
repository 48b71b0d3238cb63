// The page to try a network.

import { showCall } from "../calls.js";
import { Answer } from "../try/answer.js";
import { Overlay } from "../try/overlay.js";
import { Paper } from "../try/paper.js";

const [crop, drop] = ["crop", "drop"].map((id) => document.getElementById(id));
const paper = new Paper(document.getElementById("drawing"), document.getElementById("hint"), changed);
const overlay = new Overlay(document.getElementById("overlay"), paper, document.getElementById("strength"));
const answers = [...document.querySelectorAll(".answer")].map(
  (section, place) => new Answer(section, (...what) => place === 0 && isDone && overlay.show(...what)),
);
let isAsking = false;
let isWaiting = false; // another question waits for the answer
let isDone = true; // the stroke is complete

/** Ask while something is drawn: one question after another, each about the newest state of the paper. */
function changed(done) {
  isDone = done;
  overlay.clear();
  if (isAsking) isWaiting = true;
  else ask();
}

async function ask() {
  if (paper.isEmpty) return;
  isAsking = true;
  do {
    isWaiting = false;
    const content = await paper.content();
    const options = crop.checked ? { crop: "ink" } : { fit: true };
    await Promise.all(answers.filter(({ isShown }) => isShown).map((answer) => answer.ask(content, options, isDone)));
    say(options);
  } while (isWaiting && !paper.isEmpty);
  isAsking = false;
}

/** The call for what has just been asked, for the reader's own file. */
function say(options) {
  const [{ network }] = answers;
  const query = Object.fromEntries(new URLSearchParams(network.value));
  const name = query.run ?? query.model;
  const file = paper.photo?.name ?? "letter.png";
  const option = "crop" in options ? "--crop ink" : "--fit";
  showCall({ method: "POST", path: "/predict", query: { ...query, ...options, top: "all" }, file, cli: `antigrad predict ${name} ${file} ${option}` });
} // prettier-ignore

function clear() {
  paper.clear();
  overlay.clear();
  for (const answer of answers) answer.clear();
}

async function put(file) {
  try {
    await paper.put(file);
  } catch {
    answers[0].problem.textContent = drop.dataset.noPicture;
  }
}

/** Keep the networks in the address. */
function keep() {
  const [first, second] = answers.map(({ network }) => network.value);
  const query = new URLSearchParams(first);
  if (second) query.set("other", second);
  history.replaceState(null, "", `?${query}`);
}

document.getElementById("clear").addEventListener("click", clear);
document.getElementById("photo").addEventListener("change", ({ target }) => target.files[0] && put(target.files[0]));
document.getElementById("second").addEventListener("click", ({ target }) => {
  answers[1].section.hidden = false;
  target.hidden = true;
});
crop.addEventListener("change", () => changed(true));
for (const { network } of answers)
  network.addEventListener("change", () => {
    keep();
    changed(true);
  });
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) put(file);
});
addEventListener("paste", ({ clipboardData }) => {
  const [file] = clipboardData.files;
  if (file) put(file);
});
