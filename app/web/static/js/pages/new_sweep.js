// The form of a new sweep: what the service suggests, as the reader changes it.

import { address, send } from "../api.js";
import { quoted } from "../call_texts.js";
import { goTo, showCall } from "../calls.js";
import { clearProblems, showProblem } from "../problems.js";

const byId = (id) => document.getElementById(id);
const { base, space } = JSON.parse(byId("data").textContent);
const form = byId("new-sweep");

function read() {
  const sampler = byId("sampler").value;
  const varied = [...form.querySelectorAll("[data-parameter]")].map((row) => [row.dataset.parameter, domainOf(row)]);
  for (const place of form.querySelectorAll("[data-inner]")) place.dataset.problem = `${sampler}/${place.dataset.inner}`;
  return {
    name: byId("name").value || undefined,
    base,
    [sampler]: Object.fromEntries(varied),
    trials: numberOf(byId("trials")),
    metric: byId("metric").value,
  };
}

/** The values of a parameter that its row keeps. */
function domainOf(row) {
  const entry = space[row.dataset.parameter];
  const boxes = [...row.querySelectorAll("input[type=checkbox]")];
  const kept = (values) => values.filter((_, place) => boxes[place].checked);
  if (Array.isArray(entry)) return kept(entry);
  if (entry.together) return { together: kept(entry.together) };
  const [low, high] = ["low", "high"].map((end) => numberOf(row.querySelector(`[data-end=${end}]`)));
  return { ...entry, low, high, log: boxes[0].checked || undefined };
}

/** The number in an input; what is none is left for the service to refuse. */
function numberOf(input) {
  return input.value.trim() ? Number(input.value) : undefined;
}

function call() {
  const body = JSON.parse(JSON.stringify(read())); // without what is undefined
  const cli = `echo ${quoted(JSON.stringify(body))} > sweep.json\nantigrad sweep sweep.json`;
  return { method: "POST", path: "/sweeps", body, cli };
}

function edited() {
  showCall(call());
}

byId("dataset")?.addEventListener("change", ({ target }) => {
  location.assign(address(`/ui/sweeps/new?dataset=${encodeURIComponent(target.value)}`));
});

form.addEventListener("input", edited);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearProblems(form);
  byId("start").disabled = true;
  try {
    const sweep = await send("POST", "/sweeps", read());
    goTo(`/ui/sweeps/${sweep.id}`, call());
  } catch (error) {
    byId("start").disabled = false;
    showProblem(form, error);
    form.querySelector("[aria-invalid]")?.focus();
  }
});

edited();
