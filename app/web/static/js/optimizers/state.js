// What the race shows, as the fragment of the address keeps it: only what differs from the usual.

// Learning rates with which an optimizer gets somewhere: of plain descent by the curvature of the surface, of the others
// by the width of its view, since their steps are about as long as the rate.
const PLAIN = { rosenbrock: 0.0008, quadratic: 0.12, ravine: 0.02, saddle: 0.1, plateau: 1, beale: 0.01, himmelblau: 0.01 };
const SHARE = { adagrad: 1 / 30, rmsprop: 1 / 200, adam: 1 / 80, adamw: 1 / 80 };
const OTHER = 0.01;
const FIRST = "ravine"; // where the difference between the optimizers is easiest to see
export const STEPS = 200;

/** The usual state on a surface: {surface, condition, form, start, steps, noise, racers}. */
export function usual(surface, names) {
  const [[left], [right]] = surface.view;
  const plain = PLAIN[surface.name] ?? OTHER;
  const rates = { sgd: plain, momentum: plain / 3 };
  const rateOf = (name) => rates[name] ?? (right - left) * (SHARE[name] ?? SHARE.adam);
  const racers = names.map((name) => ({ name, runs: true, lr: Number(rateOf(name).toPrecision(2)), momentum: 0.9 }));
  const condition = surface.fields.find(({ name }) => name === "condition")?.default ?? null;
  return { surface: surface.name, condition, form: "torch", start: [...surface.start], steps: STEPS, noise: 0, at: null, racers };
}

/** The state that a fragment describes; what it does not say, or says wrongly, is as usual. */
export function parse(fragment, surfaces, names) {
  const said = new URLSearchParams(fragment);
  const surface = surfaces.find(({ name }) => name === said.get("surface")) ?? surfaces.find(({ name }) => name === FIRST);
  const state = usual(surface, names);
  const numbers = (key, count) => {
    const found = (said.get(key) ?? "").split(",").map(Number.parseFloat);
    return found.length === count && found.every(Number.isFinite) ? found : null;
  };
  if (state.condition !== null) [state.condition] = numbers("condition", 1) ?? [state.condition];
  if (said.get("form") === "lecture") state.form = "lecture";
  state.start = numbers("start", 2) ?? state.start;
  [state.steps] = numbers("steps", 1) ?? [state.steps];
  [state.noise] = numbers("noise", 1) ?? [state.noise];
  [state.at] = numbers("at", 1) ?? [null];
  const out = (said.get("without") ?? "").split(",");
  for (const racer of state.racers) {
    racer.runs = !out.includes(racer.name);
    [racer.lr] = numbers(racer.name, 1) ?? [racer.lr];
    [racer.momentum] = numbers(`${racer.name}.momentum`, 1) ?? [racer.momentum];
  }
  return state;
}

/** The fragment of a state. */
export function write(state, surfaces, names) {
  const as = usual(surfaces.find(({ name }) => name === state.surface), names);
  const said = new URLSearchParams();
  const say = (key, value, usually) => String(value) !== String(usually) && said.set(key, value);
  say("surface", state.surface, FIRST);
  for (const key of ["condition", "form", "start", "steps", "noise"]) say(key, state[key], as[key]);
  if (state.at !== null) said.set("at", state.at);
  const out = state.racers.filter(({ runs }) => !runs).map(({ name }) => name);
  if (out.length) said.set("without", out);
  state.racers.forEach(({ name, lr, momentum }, place) => {
    say(name, lr, as.racers[place].lr);
    say(`${name}.momentum`, momentum, as.racers[place].momentum);
  });
  return decodeURIComponent(said.toString());
}

/** The body of POST /optimizers/trajectory. Optimizers without the lecture's form are in PyTorch's. */
export function requestOf({ condition, start, steps, noise, form, racers }, surface, entries) {
  const fields = Object.fromEntries(surface.fields.map(({ name }) => [name, condition]));
  const optimizers = racers.filter(({ runs }) => runs).map(({ name, lr, momentum }) => {
    const { formulas, has_momentum } = entries.get(name);
    return { name, lr, ...(has_momentum ? { momentum } : {}), ...(form in formulas && form !== "torch" ? { formulas: form } : {}) };
  });
  return { surface: { name: surface.name, ...fields }, start, steps, ...(noise ? { noise } : {}), optimizers };
}
