// The change that a finding advises.

import { send } from "../api.js";
import { settings } from "../call_texts.js";
import { goTo } from "../calls.js";
import { complain } from "../notices.js";

/** Make the change of a button: of this run, or in a new one. */
export async function fix(id, button) {
  const change = JSON.parse(button.dataset.change);
  button.disabled = true;
  const [command, body] = change.resume ? ["resume", change.resume] : ["again", change];
  const path = `/runs/${id}/${command}`;
  try {
    const next = await send("POST", path, body);
    goTo(`/ui/runs/${next.id}`, { method: "POST", path, body, cli: `antigrad ${command} ${id}${settings(body)}` });
  } catch (error) {
    button.disabled = false;
    complain(error);
  }
}
