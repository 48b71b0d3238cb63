// How to do outside of the page what it has just done. What writes it down is loaded when the reader asks for it.

import { address } from "./api.js";

const LEFT = "antigrad:call"; // what the page before has done to come here
const panel = document.getElementById("calls");
let call = panel && (left() ?? JSON.parse(document.getElementById("call").textContent));
let form = "curl";

function left() {
  try {
    const text = sessionStorage.getItem(LEFT);
    sessionStorage.removeItem(LEFT);
    return JSON.parse(text);
  } catch {
    return null; // a browser that keeps nothing
  }
}

/** Go to a page of this service, which shows first how to do what has led there. */
export function goTo(page, done) {
  try {
    sessionStorage.setItem(LEFT, JSON.stringify(done));
  } catch {
    // a browser that keeps nothing
  }
  location.assign(address(page));
}

/**
 * Show a call: {method, path, query, body, file, cli}. `path` is that of a public route, `query` and `body` are objects,
 * `file` the name of a file that is sent; `cli` is the command line, if there is one. With `runs`, a list of ids, it is a
 * call for each of them, in whose path {run} stands for the id.
 */
export function showCall(next) {
  call = next;
  if (panel?.open) show();
}

async function show() {
  const { written } = await import("./call_texts.js");
  const text = document.getElementById("calls-text");
  text.textContent = written(form, call, panel.dataset.key === "required");
  for (const tab of panel.querySelectorAll("[role=tab]")) tab.setAttribute("aria-selected", String(tab.dataset.form === form));
  text.setAttribute("aria-labelledby", `calls-${form}`);
} // prettier-ignore

panel?.addEventListener("toggle", show);
panel?.addEventListener("click", ({ target }) => {
  if (!target.dataset.form) return;
  form = target.dataset.form;
  show();
});
