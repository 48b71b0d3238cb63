// A word when htmx cannot load a part of a page. The page stays as it is.

import { Problem } from "./api.js";
import { complain, notice } from "./notices.js";
import { t } from "./texts.js";

document.addEventListener("htmx:response:error", async ({ detail: { ctx } }) => {
  if (ctx.response.status === 401) {
    notice(t("session_over"), "bad");
    return;
  }
  complain(await problemOf(ctx.response.status, ctx.text));
});

document.addEventListener("htmx:error", () => notice(t("unreachable"), "bad"));

function problemOf(status, text) {
  try {
    return Problem.of(status, JSON.parse(text));
  } catch {
    return new Problem(status, { detail: t("failed", { status }) });
  }
}
