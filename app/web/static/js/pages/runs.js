// The list of runs: its columns, the runs that are picked, what is done with them, and its refreshing.

import { address, send } from "../api.js";
import { goTo, showCall } from "../calls.js";
import { bind } from "../keys.js";
import { refresh } from "../live.js";
import { complain } from "../notices.js";
import { followRuns } from "../runs/live.js";
import { t } from "../texts.js";
import { undoable } from "../undo.js";

const picked = new Set(); // ids
const pending = new Set(); // ids of runs that an action waits for
let current = null; // the id of the row that the keys move

const rows = () => [...document.querySelectorAll("#list .runs tbody tr")]; // none while runs are grouped
const selection = document.getElementById("selection");

if (document.getElementById("list")) followRuns();

document.addEventListener("htmx:after:swap", show);

function show() {
  for (const row of rows()) {
    const box = row.querySelector(".pick input");
    if (box) box.checked = picked.has(row.id);
    row.classList.toggle("picked", picked.has(row.id));
    row.classList.toggle("pending", pending.has(row.id));
    row.classList.toggle("current", row.id === current);
  }
  if (!selection) return;
  selection.hidden = picked.size === 0;
  selection.querySelector(".count").textContent = t("runs.picked", { n: picked.size });
  selection.querySelector("[data-action=compare]").disabled = picked.size < 2 || picked.size > 20;
  const all = document.getElementById("pick-all");
  if (all) {
    all.checked = rows().length > 0 && rows().every((row) => picked.has(row.id));
    all.indeterminate = !all.checked && rows().some((row) => picked.has(row.id));
  }
}

function pick(id, is) {
  if (is) picked.add(id);
  else picked.delete(id);
  show();
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.id === "pick-all") {
    for (const row of rows()) (box.checked ? picked.add(row.id) : picked.delete(row.id));
    show();
  } else if (box.closest(".pick")) {
    pick(box.value, box.checked);
  } else if (box.closest("#columns")) {
    chooseColumns();
  }
});

function chooseColumns() {
  const chosen = [...document.querySelectorAll("#columns input:checked")].map((box) => box.value);
  const query = new URLSearchParams(location.search);
  query.set("columns", chosen.join(",") || "none");
  location.search = query;
}

// What is done with the runs that are picked. Each is one request, which anyone can send.

const ACTIONS = {
  cancel: { method: "POST", path: "/runs/cancel", command: "cancel" },
  delete: { method: "DELETE", path: "/runs", command: "delete" },
  tag: { method: "PATCH", path: "/runs", command: "tag" },
};

function act(name, body) {
  const ids = [...picked];
  const { method, path, command } = ACTIONS[name];
  const q = `id:${ids.join(",")}`;
  const undo = () => {
    for (const id of ids) pending.delete(id);
    show();
  };
  const commit = async ({ keepalive }) => {
    showCall({ method, path, query: { q }, body, cli: line(command, ids, body) });
    try {
      await send(method, `${path}?${new URLSearchParams({ q })}`, body, { keepalive });
    } finally {
      undo();
      refresh("list");
    }
  };
  for (const id of ids) pending.add(id);
  picked.clear();
  show();
  undoable(t(`runs.${name}`, { n: ids.length }), commit, undo);
}

function line(command, ids, body) {
  if (command === "delete") return `antigrad delete ${ids.join(" ")}`;
  if (command === "cancel") return ids.map((id) => `antigrad cancel ${id}`).join("\n");
  const [[key, value]] = Object.entries(body.tags);
  return ids.map((id) => `antigrad tag ${id} '${key}:${value}'`).join("\n");
}

selection?.addEventListener("click", (event) => {
  const action = event.target.closest("button[data-action]")?.dataset.action;
  if (action === "none") {
    picked.clear();
    show();
  } else if (action === "compare") {
    compare();
  } else if (action) {
    act(action);
  }
});

selection?.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = event.target.elements.tag;
  const colon = field.value.indexOf(":");
  act("tag", { tags: { [field.value.slice(0, colon)]: field.value.slice(colon + 1) } });
  field.value = "";
});

function compare() {
  if (picked.size >= 2 && picked.size <= 20) location.assign(address(`/ui/compare?runs=${[...picked].join(",")}`));
}

// The first run of a new service.

document.getElementById("first-run")?.addEventListener("click", async (event) => {
  event.target.disabled = true;
  try {
    const body = { dataset: "notmnist", name: t("runs.first_name") };
    const run = await send("POST", "/runs", body);
    goTo(`/ui/runs/${run.id}`, { method: "POST", path: "/runs", body, cli: `antigrad train notmnist --name '${body.name}'` });
  } catch (error) {
    event.target.disabled = false;
    complain(error);
  }
});

// Keys

function move(by) {
  const all = rows();
  const place = all.findIndex((row) => row.id === current);
  const row = all[Math.min(all.length - 1, Math.max(0, place + by))];
  if (!row) return;
  current = row.id;
  show();
  row.querySelector(".name a").focus();
}

const areListed = () => rows().length > 0;
const areToPick = () => selection !== null && areListed();

bind("/", t("keys.filter"), () => document.getElementById("q").select(), () => document.getElementById("q") !== null);
bind("j", t("keys.down"), () => move(1), areListed);
bind("k", t("keys.up"), () => move(-1), areListed);
bind("x", t("keys.pick"), () => current && pick(current, !picked.has(current)), areToPick);
bind("c", t("keys.compare"), compare, areToPick);

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#list .runs tbody tr");
  if (row && row.id !== current) {
    current = row.id;
    show();
  }
});
