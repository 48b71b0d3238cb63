// A section of the lecture: one press starts the runs of an experiment, and its verdict comes by itself.

import { address, send } from "../api.js";
import { goTo, showCall } from "../calls.js";
import { keepLive, refresh } from "../live.js";
import { complain } from "../notices.js";

const CALCULATED = "antigrad_calculated"; // a cookie with names, and dots between them
const YEAR = 31536000;
const RACE = {
  run: { dataset: "notmnist", stop: { max_epochs: 2 } },
  optimizers: [{ name: "sgd", lr: 0.1 }, { name: "momentum", lr: 0.05 }, "adagrad", { name: "rmsprop", lr: 0.001 }, "adam"],
};

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-start]");
  if (!button) return;
  const name = button.dataset.start;
  const body = { seeds: button.dataset.seeds.split(",").map(Number) };
  const seeds = body.seeds.map((seed) => ` --seed ${seed}`).join("");
  showCall({ method: "POST", path: `/experiments/${name}`, body, cli: `antigrad experiments run ${name}${seeds}` });
  button.disabled = true;
  try {
    const started = await send("POST", `/experiments/${name}`, body);
    if (started.id === null) remember(name); // there are no runs that would tell
    refresh("experiments");
  } catch (error) {
    button.disabled = false;
    complain(error);
  }
});

document.getElementById("race")?.addEventListener("click", async ({ target }) => {
  target.disabled = true;
  try {
    const { runs } = await send("POST", "/optimizers/race", RACE);
    const optimizers = RACE.optimizers.map((each) => (each.lr ? `${each.name}:${each.lr}` : each)).join(" ");
    const cli = `antigrad race ${RACE.run.dataset} ${optimizers} --epochs ${RACE.run.stop.max_epochs}`;
    goTo(`/ui/compare?runs=${runs.map(({ id }) => id).join()}`, { method: "POST", path: "/optimizers/race", body: RACE, cli });
  } catch (error) {
    target.disabled = false;
    complain(error);
  }
});

function remember(name) {
  const known = document.cookie.match(new RegExp(`${CALCULATED}=([\\w.]*)`))?.[1].split(".") ?? [];
  const names = [...new Set([...known, name])].filter(Boolean).join(".");
  document.cookie = `${CALCULATED}=${names}; path=${address("/")}; max-age=${YEAR}; samesite=lax`;
}

keepLive("experiments");
