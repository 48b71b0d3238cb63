// A run once more, with changes.

import { send } from "../api.js";
import { settings } from "../call_texts.js";
import { goTo } from "../calls.js";
import { words } from "../notices.js";
import { t } from "../texts.js";

/** Start a run like this one, with the changes of the form. What is wrong is said at its field. */
export async function repeat(id) {
  const problem = document.getElementById("again-problem");
  const fields = [...document.querySelectorAll("#again [data-pointer]")];
  for (const field of [...fields, document.getElementById("again-more")]) field.removeAttribute("aria-invalid");
  problem.textContent = "";
  let changes;
  try {
    changes = JSON.parse(document.getElementById("again-more").value || "{}");
  } catch {
    document.getElementById("again-more").setAttribute("aria-invalid", "true");
    problem.textContent = t("run.no_json");
    return;
  }
  for (const field of fields) if (field.value !== field.defaultValue) set(changes, field.dataset.pointer, valueOf(field.value));
  try {
    const next = await send("POST", `/runs/${id}/again`, changes);
    goTo(`/ui/runs/${next.id}`, { method: "POST", path: `/runs/${id}/again`, body: changes, cli: `antigrad again ${id}${settings(changes)}` });
  } catch (error) {
    const wrong = fields.filter(({ dataset }) => error.errors?.some(({ pointer }) => pointer === dataset.pointer));
    for (const field of wrong) field.setAttribute("aria-invalid", "true");
    wrong[0]?.focus();
    const said = error.errors?.length ? error.errors : [error];
    problem.replaceChildren(...said.flatMap((each, place) => [place ? "; " : "", ...words(each)]));
  }
} // prettier-ignore

/** The text of a field as JSON: a number, null if it is empty, or a word such as full. */
function valueOf(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  const value = Number(trimmed);
  return Number.isNaN(value) ? trimmed : value;
}

function set(changes, pointer, value) {
  const names = pointer.slice(1).split("/");
  const last = names.pop();
  const inner = names.reduce((object, name) => (object[name] ??= {}), changes);
  inner[last] = value;
}
