// Notices at the foot of the window, and actions that can be undone for ten seconds.

import { element } from "./dom.js";
import { t } from "./texts.js";

const READ_MS = 6000;
const UNDO_MS = 10000;
const shown = new Map(); // by text: the box of a notice, and the timer of its end
const waiting = new Set(); // actions that the page may still undo

/** Show a sentence, or nodes, for some seconds, once even if it is said again meanwhile; `kind` may be "bad". */
export function notice(sentence, kind = "") {
  const content = element("p", {}, sentence);
  const text = content.textContent;
  const { box, timer } = shown.get(text) ?? { box: build(content, kind) };
  clearTimeout(timer);
  const end = () => {
    shown.delete(text);
    box.remove();
  };
  shown.set(text, { box, timer: setTimeout(end, READ_MS) });
}

/** What a Problem, one of its wrong fields or any other error says, as nodes: its English is marked as such. */
export function words(error) {
  const { detail = String(error), kind, isEnglish } = error;
  return [kind ? `${kind}: ` : "", isEnglish ? element("span", { lang: "en" }, detail) : detail];
}

/** Show what went wrong: a Problem, or any other error. */
export function complain(error) {
  if (error.name !== "AbortError") notice(words(error), "bad");
}

/**
 * Carry out an action unless it is undone within ten seconds; a page that is left carries it out at once.
 * `commit` gets {keepalive}, `undo` is called if the reader undoes it.
 */
export function undoable(text, commit, undo) {
  const button = element("button", { type: "button", class: "quiet" }, t("undo"));
  const box = build(element("p", {}, text), "", button);
  const end = () => {
    clearTimeout(timer);
    waiting.delete(action);
    box.remove();
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

function build(sentence, kind, ...more) {
  const box = element("div", { class: `notice ${kind}` }, sentence, ...more);
  document.getElementById("notices").append(box);
  return box;
}

addEventListener("pagehide", () => {
  for (const action of [...waiting]) action(true);
});
