// Keys: one letter does what a button does. `?` lists those of the page.

import { t } from "./texts.js";

const bindings = new Map(); // by key: what it does in words, its function, and whether the page has a use for it now

/** Let a key call a function where `isOffered()`, except while the reader types. */
export function bind(key, label, action, isOffered = () => true) {
  bindings.set(key, { label, action, isOffered });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const binding = bindings.get(event.key);
  if (!binding?.isOffered()) return;
  event.preventDefault();
  binding.action(event);
});

function isTyping(element) {
  return element.closest("input:not([type=checkbox], [type=range]), textarea, select, [contenteditable]") !== null;
}

bind("?", t("keys.help"), async () => (await import("./key_list.js")).list(bindings));
