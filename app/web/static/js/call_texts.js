// A call with curl, on the command line, and in Python.

import { address } from "./api.js";
import { t } from "./texts.js";

/** The text of a call in one of its forms; with a key where one is needed. */
export function written(form, call, needsKey) {
  return { curl, cli, python }[form](call, needsKey);
}

function curl({ method, path, runs, query, body, file }, needsKey) {
  const parts = ["curl"];
  if (method !== "GET" || body || file) parts.push(`-X ${method}`);
  const here = runs ? path.replace("{run}", runs.length > 1 ? `{${runs.join()}}` : runs[0]) : path; // curl knows such sets
  parts.push(quoted(location.origin + address(here) + search(query)));
  if (needsKey) parts.push('-H "Authorization: Bearer $ANTIGRAD_API_KEY"');
  if (body) parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  if (file) parts.push("-H 'Content-Type: application/octet-stream'", `--data-binary @${quoted(file)}`);
  return parts.join(" \\\n  ");
}

function cli({ cli }) {
  return cli ?? t("calls.no_command");
}

function python({ method, path, runs, query, body, file }, needsKey) {
  const options = [];
  if (query && Object.keys(query).length) options.push(`params=${literal(query)}`);
  if (body) options.push(`json=${literal(body)}`);
  if (file) options.push(`content=open(${JSON.stringify(file)}, "rb")`);
  if (needsKey) options.push('headers={"Authorization": f"Bearer {key}"}');
  const arguments_ = [(runs ? "f" : "") + JSON.stringify(location.origin + address(path)), ...options].join(", ");
  const request = `httpx.${method.toLowerCase()}(${arguments_})`;
  if (runs) return `import httpx\n\nfor run in ${literal(runs)}:\n    answer = ${request}\n    print(answer.json())`;
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

/** A word for a shell. */
export function quoted(word) {
  return /^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Changes of a request as options of the command line, such as ` --set optimizer.lr=0.1`. */
export function settings(changes, above = "") {
  const words = Object.entries(changes).map(([name, value]) => {
    const path = above + name;
    if (value && typeof value === "object" && !Array.isArray(value)) return settings(value, `${path}.`);
    return ` --set ${quoted(`${path}=${typeof value === "string" ? value : JSON.stringify(value)}`)}`;
  });
  return words.join("");
}
