// What a run's diagnosis says; the change that it advises is made by what is loaded when it is asked for.

import { address, Problem } from "../api.js";

/** Show the findings; those about a step are numbered like their marks on the curves, which are returned. */
export async function showDiagnosis(id, run) {
  const section = document.getElementById("diagnosis");
  const answer = await fetch(address(`/ui/runs/${id}/diagnosis`), { headers: { "HX-Request": "true" } }); // of a part
  if (!answer.ok) throw await Problem.of(answer.status, await answer.json());
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const findings = [...fresh.body.children];
  document.getElementById("findings").replaceChildren(...findings);
  for (const button of section.querySelectorAll("[data-change]"))
    button.addEventListener("click", async () => (await import("./fix.js")).fix(id, button));
  document.getElementById("no-findings").hidden = findings.length > 0 || !run.stop_reason;
  section.hidden = findings.length === 0 && !run.stop_reason;
  section.setAttribute("aria-busy", "false");
  return findings.flatMap(({ dataset: { step } }, place) => (step ? [{ step: Number(step), label: String(place + 1) }] : []));
}
