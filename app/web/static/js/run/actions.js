// What a reader does with a run: pause, resume, cancel; what repeats and copies it is loaded when it is asked for.

import { send } from "../api.js";
import { showCall } from "../calls.js";
import { bind } from "../keys.js";
import { complain } from "../notices.js";
import { t } from "../texts.js";

/** Connect the buttons of a run's page. `run()` is the run as it is known, `changed` is called after a change. */
export function connectActions(article, run, changed) {
  article.addEventListener("click", async ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.do) await act(button, run().id, changed);
    if (button.dataset.copyAs) await (await import("./copy.js")).copyAs(button.dataset.copyAs, run());
    if (button.dataset.open) document.getElementById(button.dataset.open).showModal();
  });
  document.getElementById("again-start")?.addEventListener("click", async () => {
    await (await import("./again.js")).repeat(run().id);
  });
  const promotion = document.getElementById("promote");
  promotion?.querySelector("[data-close]").addEventListener("click", () => promotion.close());
  promotion?.addEventListener("submit", async (event) => {
    event.preventDefault();
    await (await import("./promote.js")).promote(event.target, run().id);
  });
  const compare = document.getElementById("compare"); // a page by a link has none
  if (compare) bind("c", t("keys.compare_run"), () => compare.click());
}

async function act(button, id, changed) {
  const path = `/runs/${id}/${button.dataset.do}`;
  button.disabled = true;
  try {
    await send("POST", path);
    showCall({ method: "POST", path, cli: `antigrad ${button.dataset.do} ${id}` });
    await changed();
  } catch (error) {
    button.disabled = false;
    complain(error);
  }
}
