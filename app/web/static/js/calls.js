// How to do outside of the page what it has just done: with curl, on the command line, in Python.

import { address } from "./api.js";
import { t } from "./texts.js";

const panel = document.getElementById("calls");
const text = document.getElementById("calls-text");
let call = panel && JSON.parse(document.getElementById("call").textContent);
let form = "curl";

/**
 * Show a call: {method, path, query, body, file, cli}. `path` is that of a public route, `query` and `body` are objects,
 * `file` the name of a file that is sent; `cli` is the command line, if there is one.
 */
export function showCall(next) {
  call = next;
  if (panel) show();
}

function show() {
  text.textContent = { curl, cli, python }[form](call);
  for (const tab of panel.querySelectorAll("[role=tab]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.form === form));
  }
  text.setAttribute("aria-labelledby", `calls-${form}`);
}

function curl({ method, path, query, body, file }) {
  const parts = ["curl"];
  if (method !== "GET" || body || file) parts.push(`-X ${method}`);
  parts.push(quoted(location.origin + address(path) + search(query)));
  if (needsKey()) parts.push('-H "Authorization: Bearer $ANTIGRAD_API_KEY"');
  if (body) parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  if (file) parts.push("-H 'Content-Type: application/octet-stream'", `--data-binary @${quoted(file)}`);
  return parts.join(" \\\n  ");
}

function cli({ cli }) {
  return cli ?? t("calls.no_command");
}

function python({ method, path, query, body, file }) {
  const options = [];
  if (query && Object.keys(query).length) options.push(`params=${literal(query)}`);
  if (body) options.push(`json=${literal(body)}`);
  if (file) options.push(`content=open(${JSON.stringify(file)}, "rb")`);
  if (needsKey()) options.push('headers={"Authorization": f"Bearer {key}"}');
  const arguments_ = [JSON.stringify(location.origin + address(path)), ...options].join(", ");
  const request = `httpx.${method.toLowerCase()}(${arguments_})`;
  return `import httpx\n\nanswer = ${request}\nprint(answer.json())`;
}

/** JSON as a Python expression. */
function literal(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${literal(item)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

function search(query) {
  const text = new URLSearchParams(query ?? {}).toString();
  return text && `?${text}`;
}

function quoted(word) {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function needsKey() {
  return panel.dataset.key === "required";
}

if (panel) {
  for (const tab of panel.querySelectorAll("[role=tab]")) {
    tab.addEventListener("click", () => {
      form = tab.dataset.form;
      show();
    });
  }
  show();
}
