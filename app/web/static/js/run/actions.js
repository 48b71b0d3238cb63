// What a reader does with a run. What does it is loaded when it is asked for.

import { bind } from "../keys.js";
import { t } from "../texts.js";

/** Connect the buttons of a run's page. `run()` is the run as it is known, `changed` is called after a change. */
export function connectActions(article, run, changed) {
  article.addEventListener("click", async ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.do) await (await import("./act.js")).act(button, run().id, changed);
    if (button.dataset.copyAs) await (await import("./copy.js")).copyAs(button.dataset.copyAs, run());
    if (button.dataset.open) document.getElementById(button.dataset.open).showModal();
    if ("close" in button.dataset) button.closest("dialog").close();
  });
  document.getElementById("promote")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    await (await import("./promote.js")).promote(event.target, run().id);
  });
  document.getElementById("again-start")?.addEventListener("click", async () => {
    await (await import("./again.js")).repeat(run().id);
  });
  const compare = document.getElementById("compare"); // a page by a link has none
  if (compare) bind("c", t("keys.compare_run"), () => compare.click());
}
