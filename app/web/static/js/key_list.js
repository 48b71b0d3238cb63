// The keys of a page, in a window of their own.

import { element } from "./dom.js";
import { t } from "./texts.js";

/** Show what each key does. */
export function list(bindings) {
  const offered = [...bindings].filter(([, { isOffered }]) => isOffered());
  const names = offered.flatMap(([key, { label }]) => [
    element("dt", {}, element("kbd", {}, key)),
    element("dd", {}, label),
  ]);
  const title = element("h2", { id: "keys-title" }, t("keys.title"));
  const dialog = element("dialog", { "aria-labelledby": "keys-title" }, title, element("dl", {}, ...names));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}
