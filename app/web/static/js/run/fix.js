// The change that a finding advises.

import { address, send } from "../api.js";
import { complain } from "../notices.js";

/** Make the change of a button: of this run, or in a new one. */
export async function fix(id, button) {
  const change = JSON.parse(button.dataset.change);
  button.disabled = true;
  const [path, body] = change.resume ? [`/runs/${id}/resume`, change.resume] : [`/runs/${id}/again`, change];
  try {
    const next = await send("POST", path, body);
    location.assign(address(`/ui/runs/${next.id}`));
  } catch (error) {
    button.disabled = false;
    complain(error);
  }
}
