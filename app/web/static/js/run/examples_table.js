// Examples without pictures, as rows of a table.

import { element } from "../dom.js";
import { metric, percent } from "../formats.js";
import { t } from "../texts.js";

const ROWS = 12;

/** The first examples, with what the run predicts for them. */
export function table(items) {
  const isOfValues = items[0]?.probability === null;
  const shown = (value) => (isOfValues ? metric(value) : value);
  const kind = isOfValues ? "number" : null;
  const last = isOfValues ? t("run.error") : t("run.probability");
  const names = [t("run.example"), t("run.true_value"), t("run.predicted_value"), last];
  const head = element("tr", {}, ...names.map((name, i) => element("th", { class: i === 1 || i === 2 ? kind : "number" }, name)));
  const rows = items.slice(0, ROWS).map(({ index, label, predicted, probability }) => [
    element("td", { class: "number" }, String(index)),
    element("td", { class: kind }, shown(label)),
    element("td", { class: kind }, shown(predicted)),
    element("td", { class: "number" }, isOfValues ? metric(predicted - label) : percent(probability)),
  ]);
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row))));
}
