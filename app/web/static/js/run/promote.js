// A model's name for a run.

import { get, send } from "../api.js";
import { goTo } from "../calls.js";
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
    await send("PUT", path, body);
    goTo(`/ui${path}`, { method: "PUT", path, body, cli: `antigrad promote ${run} ${name}${options.filter(Boolean).join("")}` });
  } catch (error) {
    showProblem(form, error);
  }
}
