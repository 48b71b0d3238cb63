// Notices at the foot of the window.

import { element } from "./dom.js";

const READ_MS = 6000;
const shown = new Map(); // by text: the box of a notice, and the timer of its end

/** Show a sentence, or nodes, for some seconds, once even if it is said again meanwhile; `kind` may be "bad". */
export function notice(sentence, kind = "") {
  const content = element("p", {}, sentence);
  const text = content.textContent;
  const { box, timer } = shown.get(text) ?? { box: show(kind, content) };
  clearTimeout(timer);
  const end = () => {
    shown.delete(text);
    box.remove();
  };
  shown.set(text, { box, timer: setTimeout(end, READ_MS) });
}

/** Show elements until the box that they are in is removed. */
export function show(kind, ...content) {
  const box = element("div", { class: `notice ${kind}` }, ...content);
  document.getElementById("notices").append(box);
  return box;
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
