// Actions that can be undone for ten seconds.

import { element } from "./dom.js";
import { complain, show } from "./notices.js";
import { t } from "./texts.js";

const UNDO_MS = 10000;
const waiting = new Set(); // actions that the page may still undo

/**
 * Carry out an action unless it is undone within ten seconds; a page that is left carries it out at once.
 * `commit` gets {keepalive}, `undo` is called if the reader undoes it.
 */
export function undoable(text, commit, undo) {
  const button = element("button", { type: "button", class: "quiet" }, t("undo"));
  const box = show("", element("p", {}, text), button);
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

addEventListener("pagehide", () => {
  for (const action of [...waiting]) action(true);
});
