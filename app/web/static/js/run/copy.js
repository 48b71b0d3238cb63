// A run on the clipboard: its id, its link, or a summary in Markdown.

import { address, get } from "../api.js";
import { metric } from "../formats.js";
import { notice } from "../notices.js";
import { t } from "../texts.js";

export async function copyAs(form, run) {
  const texts = { id: () => run.id, link: () => location.href, markdown: () => markdown(run) };
  await navigator.clipboard.writeText(await texts[form]());
  notice(t("copied"));
}

/** The run in a few lines of Markdown. */
async function markdown({ id, name, status, metrics, request, environment }) {
  const { layers } = await get(`/runs/${id}/architecture`);
  const parts = Object.entries(metrics).filter(([, measured]) => measured);
  const names = [...new Set(parts.flatMap(([, measured]) => Object.keys(measured)))];
  const row = (cells) => `| ${cells.join(" | ")} |`;
  return [
    `### [${(name ?? id).replaceAll(/[[\]\\]/g, "\\$&")}](${location.origin}${address(`/ui/runs/${id}`)})`,
    "",
    `${status}; ${environment.dataset_name ?? request.dataset}; ${layers.map(({ type }) => type).join(", ")}; ` +
      `${request.optimizer.name} with learning rate ${request.optimizer.lr}, batches of ${request.batch_size}`,
    "",
    row(["part", ...names]),
    row(["---", ...names.map(() => "---:")]),
    ...parts.map(([part, measured]) => row([part, ...names.map((metricName) => metric(measured[metricName]))])),
    "",
  ].join("\n");
}
