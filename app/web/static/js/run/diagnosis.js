// What a run's diagnosis says, and what to do about it.

import { address, get, send } from "../api.js";
import { element } from "../dom.js";
import { inEnglish, meaning, said } from "../messages.js";
import { complain } from "../notices.js";
import { t } from "../texts.js";

/** Show the findings; those about a step are numbered like their marks on the curves, which are returned. */
export async function showDiagnosis(id, run) {
  const section = document.getElementById("diagnosis");
  const findings = await get(`/runs/${id}/diagnosis`);
  const mayTrain = document.getElementById("again") !== null;
  const shown = findings.map(async (finding) => {
    const means = await meaning("findings", finding.code);
    return element(
      "li",
      { class: finding.severity },
      means && element("p", {}, means),
      element("p", means ? { class: "muted" } : {}, inEnglish(finding.finding)),
      element("p", { class: "muted" }, await said(finding.advice, finding.try)),
      mayTrain && finding.change && fix(id, finding.change),
    );
  });
  document.getElementById("findings").replaceChildren(...(await Promise.all(shown)));
  document.getElementById("no-findings").hidden = findings.length > 0 || !run.stop_reason;
  section.hidden = findings.length === 0 && !run.stop_reason;
  section.setAttribute("aria-busy", "false");
  return findings.flatMap(({ evidence }, place) =>
    Number.isInteger(evidence.step) ? [{ step: evidence.step, label: String(place + 1) }] : [],
  );
}

/** A button that makes the change: of this run, or in a new one. */
function fix(id, change) {
  const button = element("button", { type: "button" }, t(change.resume ? "run.train_on" : "run.try_change"));
  button.addEventListener("click", async () => {
    button.disabled = true;
    const [path, body] = change.resume ? [`/runs/${id}/resume`, change.resume] : [`/runs/${id}/again`, change];
    try {
      const next = await send("POST", path, body);
      location.assign(address(`/ui/runs/${next.id}`));
    } catch (error) {
      button.disabled = false;
      complain(error);
    }
  });
  return button;
}
