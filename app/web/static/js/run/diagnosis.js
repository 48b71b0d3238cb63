// What a run's diagnosis says, and what to do about it.

import { address, Problem, send } from "../api.js";
import { complain } from "../notices.js";

/** Show the findings; those about a step are numbered like their marks on the curves, which are returned. */
export async function showDiagnosis(id, run) {
  const section = document.getElementById("diagnosis");
  const answer = await fetch(address(`/ui/runs/${id}/diagnosis`), { headers: { "HX-Request": "true" } }); // of a part
  if (!answer.ok) throw await Problem.of(answer.status, await answer.json());
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const findings = [...fresh.body.children];
  document.getElementById("findings").replaceChildren(...findings);
  for (const button of section.querySelectorAll("[data-change]")) button.addEventListener("click", () => fix(id, button));
  document.getElementById("no-findings").hidden = findings.length > 0 || !run.stop_reason;
  section.hidden = findings.length === 0 && !run.stop_reason;
  section.setAttribute("aria-busy", "false");
  return findings.flatMap(({ dataset: { step } }, place) => (step ? [{ step: Number(step), label: String(place + 1) }] : []));
}

/** Make the change of a button: of this run, or in a new one. */
async function fix(id, button) {
  const change = JSON.parse(button.dataset.change);
  button.disabled = true;
  const [path, body] = change.resume ? [`/runs/${id}/resume`, change.resume] : [`/runs/${id}/again`, change];
  try {
    const next = await send("POST", path, body);
    location.assign(address(`/ui/runs/${next.id}`));
  } catch (error) {
    button.disabled = false;
    complain(error);
  }
}
