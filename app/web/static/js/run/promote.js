// A model's name for a run.

import { address, get, send } from "../api.js";
import { showCall } from "../calls.js";
import { clearProblems, showProblem } from "../problems.js";

/** Point the name in the form at the run. A name that the reader already has keeps its shadow and its log. */
export async function promote(form, run) {
  clearProblems(form);
  const name = form.elements.namedItem("name").value.trim();
  const path = `/models/${encodeURIComponent(name)}`;
  const isKnown = [...form.querySelectorAll("option")].some(({ value }) => value === name);
  try {
    const { shadow = null, log = null } = isKnown ? await get(path) : {};
    const body = { run, ...(shadow && shadow.run !== run && { shadow }), ...(log && { log }) };
    const options = [body.shadow && ` --shadow ${shadow.run}=${shadow.share}`, body.log && ` --log ${log}`];
    showCall({ method: "PUT", path, body, cli: `antigrad promote ${run} ${name}${options.filter(Boolean).join("")}` });
    await send("PUT", path, body);
    location.assign(address(`/ui${path}`));
  } catch (error) {
    showProblem(form, error);
  }
}
