// The race of optimizers on a surface. All of it stands in the fragment of the address.

import { get, send } from "../api.js";
import { showCall } from "../calls.js";
import { metric, number } from "../formats.js";
import { bind } from "../keys.js";
import { complain, words } from "../notices.js";
import { parse, requestOf, usual, write } from "../optimizers/state.js";
import { SurfacePicture } from "../optimizers/surface.js";
import { showValues } from "../optimizers/values.js";
import { t } from "../texts.js";

const PLAY_MS = 6000; // for a whole walk, however many steps it has
const byId = (id) => document.getElementById(id);
const [tools, walkForm, slider] = ["tools", "walk", "at"].map(byId);
const cards = new Map([...document.querySelectorAll("[data-optimizer]")].map((card) => [card.dataset.optimizer, card]));
const names = [...cards.keys()];
const colours = new Map(names.map((name, place) => [name, place % 8]));
const { items: surfaces } = await get("/optimizers/surfaces");
const entries = new Map((await get("/optimizers")).items.map((entry) => [entry.name, formsOf(entry)]));

let state = null;
let walks = []; // as the service has computed them, of the optimizers that run
let pointed = null; // the name of the one that is pointed at
let playing = 0; // the animation's frame
const picture = new SurfacePicture(byId("surface"), (point) => {
  stop();
  Object.assign(state, { start: point, at: null });
  changed();
});

function formsOf({ formula, lecture_formula, fields }) {
  const formulas = { torch: formula, ...(lecture_formula ? { lecture: lecture_formula } : {}) };
  return { formulas, has_momentum: fields.some(({ name }) => name === "momentum") };
}

const surface = () => surfaces.find(({ name }) => name === state.surface);
const at = () => Math.min(state.at ?? state.steps, state.steps);

// The state and the controls

function showControls() {
  tools.elements.surface.value = state.surface;
  tools.elements.form.value = state.form;
  byId("condition").hidden = state.condition === null;
  if (state.condition !== null) setSlider(tools.elements.condition, Math.log10(state.condition), number(state.condition));
  for (const formula of document.querySelectorAll("[data-surface]")) formula.hidden = formula.dataset.surface !== state.surface;
  [walkForm.elements.x.value, walkForm.elements.y.value] = state.start;
  setSlider(walkForm.elements.steps, state.steps, number(state.steps));
  slider.max = state.steps;
  slider.value = at();
  setSlider(walkForm.elements.noise, state.noise, number(state.noise));
  for (const { name, runs, lr, momentum } of state.racers) {
    const card = cards.get(name);
    card.classList.toggle("is-out", !runs);
    card.querySelector("[type=checkbox]").checked = runs;
    setSlider(card.querySelector("[name=lr]"), Math.log10(lr), number(lr));
    const second = card.querySelector("[name=momentum]");
    if (second) setSlider(second, momentum, number(momentum));
    const form = state.form in entries.get(name).formulas ? state.form : "torch";
    for (const formula of card.querySelectorAll("[data-form]")) formula.hidden = formula.dataset.form !== form;
  }
}

function setSlider(input, value, text) {
  if (document.activeElement !== input) input.value = value;
  input.parentElement.querySelector("output").textContent = text;
}

function keep() {
  const fragment = write(state, surfaces, names);
  history.replaceState(null, "", fragment ? `#${fragment}` : location.pathname + location.search);
}

/** Something other than the step has changed: new walks are needed. */
function changed() {
  showControls();
  picture.showStart(state.start);
  keep();
  walk();
}

// The walks. One request at a time: while the reader drags, the newest state waits for the answer to an older one.

let isWalking = false;
let isStale = false;

async function walk() {
  isStale = true;
  if (isWalking) return;
  isWalking = true;
  while (isStale) {
    isStale = false;
    await walkOnce().catch(refused);
  }
  isWalking = false;
}

async function walkOnce() {
  const body = requestOf(state, surface(), entries);
  showCall({ method: "POST", path: "/optimizers/trajectory", body });
  const paths = body.optimizers.length ? (await send("POST", "/optimizers/trajectory", body)).paths : [];
  byId("problem").textContent = "";
  walks = paths.map((path) => ({ ...path, name: path.optimizer.name, colour: colours.get(path.optimizer.name) }));
  draw();
}

function refused(error) {
  if (error.detail) byId("problem").replaceChildren(...words(error));
  else complain(error);
}

let ground = ""; // the surface whose contours are shown

async function showGround() {
  const { condition } = state;
  const fields = Object.fromEntries(surface().fields.map(({ name }) => [name, condition]));
  const body = { surface: { name: state.surface, ...fields } };
  const wanted = JSON.stringify(body);
  if (wanted === ground) return;
  ground = wanted;
  const contours = await send("POST", "/optimizers/contours", body);
  if (wanted === ground) picture.showGround(contours, surface().minima);
}

function draw() {
  const now = at();
  picture.showWalks(walks, now, pointed);
  picture.showStart(state.start);
  showValues(byId("values"), byId("decades"), walks, state.steps, now, pointed);
  slider.max = state.steps;
  slider.value = now;
  byId("at-text").textContent = t("optimizers.at", { step: number(now), steps: number(state.steps) });
  for (const [name, card] of cards) showOutcome(card.querySelector(".outcome"), walks.find((each) => each.name === name), now);
}

function showOutcome(output, path, now) {
  const isOver = path?.diverged && now >= path.values.length;
  output.classList.toggle("diverged", Boolean(isOver));
  if (!path) output.textContent = "";
  else if (isOver) output.textContent = t("optimizers.diverged", { step: number(path.values.length) });
  else output.textContent = t("optimizers.height", { value: metric(path.values[Math.min(now, path.values.length - 1)], 3) });
}

// Playing: all walks at the same pace

function play() {
  const begin = performance.now() - (at() >= state.steps ? 0 : (at() / state.steps) * PLAY_MS);
  const frame = (time) => {
    state.at = Math.min(state.steps, Math.max(0, Math.round(((time - begin) / PLAY_MS) * state.steps)));
    draw();
    if (state.at < state.steps) playing = requestAnimationFrame(frame);
    else stop();
  };
  playing = requestAnimationFrame(frame);
  byId("play").setAttribute("aria-pressed", "true");
}

function stop() {
  if (playing) cancelAnimationFrame(playing);
  playing = 0;
  byId("play").setAttribute("aria-pressed", "false");
  if (state.at === state.steps) state.at = null;
  keep();
}

function go(step) {
  stop();
  state.at = step >= state.steps ? null : step;
  draw();
  keep();
}

const toggle = () => (playing ? stop() : play());
const stepOn = () => go(at() >= state.steps ? 0 : at() + 1);
byId("play").addEventListener("click", toggle);
byId("step").addEventListener("click", stepOn);
slider.addEventListener("input", () => go(Number(slider.value)));
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) bind("p", t("optimizers.play"), toggle);
bind(".", t("optimizers.step"), stepOn);

// What the reader changes

tools.addEventListener("input", ({ target }) => {
  if (target.name === "surface") {
    const { form } = state;
    state = { ...usual(surfaces.find(({ name }) => name === target.value), names), form };
  } else if (target.name === "condition") state.condition = Number((10 ** target.valueAsNumber).toPrecision(3));
  else state.form = target.value;
  showGround().catch(refused);
  changed();
});

walkForm.addEventListener("input", ({ target }) => {
  if (Number.isNaN(target.valueAsNumber)) return;
  if (target.name === "x" || target.name === "y") state.start[target.name === "x" ? 0 : 1] = target.valueAsNumber;
  else state[target.name] = target.valueAsNumber;
  state.at = null;
  changed();
});

byId("reset").addEventListener("click", () => {
  state = usual(surface(), names);
  showGround().catch(refused);
  changed();
});

for (const [name, card] of cards) {
  const racer = () => state.racers.find((each) => each.name === name);
  card.addEventListener("input", ({ target }) => {
    if (target.type === "checkbox") racer().runs = target.checked;
    else if (target.name === "lr") racer().lr = Number((10 ** target.valueAsNumber).toPrecision(2));
    else racer().momentum = target.valueAsNumber;
    changed();
  });
  card.addEventListener("pointerenter", () => point(racer().runs ? name : null));
  card.addEventListener("pointerleave", () => point(null));
}

function point(name) {
  pointed = name;
  draw();
}

async function show() {
  state = parse(location.hash.slice(1), surfaces, names);
  showControls();
  await showGround();
  picture.showStart(state.start);
  await walk();
}

addEventListener("hashchange", () => show().catch(refused));
show().catch(refused);
