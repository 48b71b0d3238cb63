// What changes a run's course: pause, resume, cancel.

import { send } from "../api.js";
import { showCall } from "../calls.js";
import { complain } from "../notices.js";

/** Send what a button of a run's page says. `changed` is called after the change. */
export async function act(button, id, changed) {
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
