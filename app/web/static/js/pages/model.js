// A model: pointed at other runs, rolled back, deleted.

import { address, send } from "../api.js";
import { showCall } from "../calls.js";
import { complain } from "../notices.js";
import { clearProblems, showProblem } from "../problems.js";
import { t } from "../texts.js";
import { undoable } from "../undo.js";

const { name, owner } = document.getElementById("model").dataset;
const path = `/models/${name}`;
const of = owner === undefined ? {} : { owner };

function search(query) {
  const text = new URLSearchParams(query).toString();
  return text && `?${text}`;
}

async function rollBack(version) {
  const query = { version, ...of };
  showCall({ method: "POST", path: `${path}/rollback`, query, cli: `antigrad models rollback ${name} --version ${version}` });
  try {
    await send("POST", `${path}/rollback${search(query)}`);
    location.reload();
  } catch (error) {
    complain(error);
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button?.dataset.version) rollBack(button.dataset.version);
  if (button?.dataset.action === "delete") remove(button);
});

function remove(button) {
  button.disabled = true;
  const restore = () => (button.disabled = false);
  const commit = async ({ keepalive }) => {
    try {
      await send("DELETE", `${path}${search(of)}`, undefined, { keepalive });
      if (!keepalive) location.assign(address("/ui/models"));
    } finally {
      restore();
    }
  };
  undoable(t("models.delete"), commit, restore);
}

/** The request of the form: a line has a run, and its share if there are several. */
function target(form) {
  const lines = form.elements.namedItem("runs").value.trim().split(/\n+/).map((line) => line.trim().split(/\s+/));
  const runs = Object.fromEntries(lines.map(([run, share]) => [run, share === undefined ? 1 : Number(share)]));
  const shadow = form.elements.namedItem("shadow").value.trim();
  return { ...(lines.length === 1 ? { run: lines[0][0] } : { runs }), ...(shadow ? { shadow: { run: shadow } } : {}) };
}

document.getElementById("point")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  clearProblems(form);
  const body = target(form);
  showCall({ method: "PUT", path, query: of, body, cli: body.run && !body.shadow ? `antigrad promote ${body.run} ${name}` : null });
  try {
    await send("PUT", `${path}${search(of)}`, body);
    location.reload();
  } catch (error) {
    for (const wrong of error.errors ?? []) wrong.pointer = wrong.pointer.replace(/^\/?run$/, "/runs");
    showProblem(form, error);
  }
});
