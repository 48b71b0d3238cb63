// Notices at the foot of the window, and actions that can be undone for ten seconds.

import { t } from "./texts.js";

const READ_MS = 6000;
const UNDO_MS = 10000;
const shown = new Map(); // by text: the element of a notice, and the timer of its end
const waiting = new Set(); // actions that the page may still undo

/** Show a sentence for some seconds, once even if it is said again meanwhile; `kind` may be "bad". */
export function notice(text, kind = "") {
  const { element, timer } = shown.get(text) ?? { element: build(text, kind) };
  clearTimeout(timer);
  const end = () => {
    shown.delete(text);
    element.remove();
  };
  shown.set(text, { element, timer: setTimeout(end, READ_MS) });
}

/** Show what went wrong: a Problem, or any other error. */
export function complain(error) {
  if (error.name !== "AbortError") notice(error.detail ?? String(error), "bad");
}

/**
 * Carry out an action unless it is undone within ten seconds; a page that is left carries it out at once.
 * `commit` gets {keepalive}, `undo` is called if the reader undoes it.
 */
export function undoable(text, commit, undo) {
  const element = build(text, "");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = t("undo");
  element.append(button);
  const end = () => {
    clearTimeout(timer);
    waiting.delete(action);
    element.remove();
  };
  const action = (keepalive) => {
    end();
    Promise.resolve(commit({ keepalive })).catch(complain);
  };
  const timer = setTimeout(action, UNDO_MS, false);
  waiting.add(action);
  button.addEventListener("click", () => {
    end();
    undo();
  });
}

function build(text, kind) {
  const element = document.createElement("div");
  element.className = `notice ${kind}`;
  const words = document.createElement("p");
  words.textContent = text;
  element.append(words);
  document.getElementById("notices").append(element);
  return element;
}

addEventListener("pagehide", () => {
  for (const action of [...waiting]) action(true);
});
