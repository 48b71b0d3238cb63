// A model: pointed at other runs, rolled back, deleted.

import { send } from "../api.js";
import { goTo, showCall } from "../calls.js";
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
      if (!keepalive) goTo("/ui/models", { method: "DELETE", path, query: of, cli: `antigrad models delete ${name}` });
    } finally {
      restore();
    }
  };
  undoable(t("models.delete"), commit, restore);
}

/** The request of the form: a line has a run, and its share if there are several. */
function target(form) {
  const given = (name) => form.elements.namedItem(name).value.trim();
  const lines = given("runs").split(/\n+/).map((line) => line.trim().split(/\s+/));
  const runs = Object.fromEntries(lines.map(([run, share]) => [run, share === undefined ? 1 : Number(share)]));
  const body = lines.length === 1 && lines[0].length === 1 ? { run: lines[0][0] } : { runs };
  const [shadow, share, log] = ["shadow", "share", "log"].map(given);
  if (shadow) body.shadow = { run: shadow, ...(share && { share: Number(share) }) };
  if (log) body.log = Number(log);
  return body;
}

/** The command that sends a body to a name, if it is about one run. */
function command({ run, shadow, log }) {
  if (run === undefined) return null;
  const options = [shadow && `--shadow ${[shadow.run, shadow.share].filter(Boolean).join("=")}`, log && `--log ${log}`];
  return ["antigrad promote", run, name, ...options.filter(Boolean)].join(" ");
}

document.getElementById("point")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  clearProblems(form);
  const body = target(form);
  showCall({ method: "PUT", path, query: of, body, cli: command(body) });
  try {
    await send("PUT", `${path}${search(of)}`, body);
    location.reload();
  } catch (error) {
    for (const wrong of error.errors ?? []) wrong.pointer = wrong.pointer.replace(/^\/?run$/, "/runs");
    showProblem(form, error);
  }
});
