// The confusion matrix of a run, and the examples behind each cell.

import { address, get } from "../api.js";
import { element } from "../dom.js";
import { percent } from "../formats.js";
import { keep, kept } from "../location.js";
import { complain } from "../notices.js";
import { t } from "../texts.js";

const SHOWN = 24;
const MOST_CLASSES = 40; // of a matrix that still fits on a screen

const article = document.getElementById("run");
let asked = null; // the examples that are to be shown

/** Show the evaluation of a run that has one. */
export async function showMistakes(run) {
  const part = document.getElementById("part");
  const usual = part.options[0].value;
  const keepPart = (more) => keep({ part: part.value === usual ? null : part.value, ...more });
  if (part.value === usual) part.value = kept("part") ?? usual; // the reader may have chosen another one by now
  part.value ||= usual; // a select takes none but its own values
  keepPart();
  part.onchange = () => {
    keepPart({ cell: null });
    show(run, part.value).catch(complain);
  };
  await show(run, part.value);
}

async function show(run, part) {
  const measured = await get(`/runs/${run.id}/evaluation?part=${part}`);
  const isSmall = measured.classes && measured.classes.length <= MOST_CLASSES;
  document.getElementById("matrix").replaceChildren(...(isSmall ? [matrix(run, part, measured)] : []));
  const chosen = document.querySelector(`#matrix [data-cell="${CSS.escape(kept("cell") ?? "")}"]`);
  if (chosen) chosen.click();
  else await showExamples(run, { part, mistakes: true }, t(measured.classes ? "run.most_confident" : "run.largest_errors"));
}

function matrix(run, part, { classes, confusion_matrix: counts }) {
  const corner = element("td", {}, element("span", {}, t("run.predicted_class")), element("span", {}, t("run.true_class")));
  const head = element("tr", {}, corner, ...classes.map((name) => element("th", { scope: "col" }, name)));
  const rows = counts.map((row, truth) => {
    const most = Math.max(1, ...row.filter((_, guess) => guess !== truth));
    const sum = row.reduce((a, b) => a + b, 0);
    const cells = row.map((count, guess) => {
      const cell = element("td", { class: truth === guess ? "right" : "wrong" });
      if (!count) return cell;
      const label = t("run.cell", { n: count, label: classes[truth], predicted: classes[guess] });
      const button = element("button", { type: "button", title: label, "aria-label": label, "data-cell": `${truth}-${guess}` }, String(count));
      button.addEventListener("click", () => choose(run, button, { part, label: classes[truth], predicted: classes[guess] }));
      cell.style.setProperty("--share", truth === guess ? count / sum : 0.2 + (0.8 * count) / most);
      cell.append(button);
      return cell;
    });
    return element("tr", {}, element("th", { scope: "row" }, classes[truth]), ...cells);
  });
  return element("table", { class: "matrix" }, element("thead", {}, head), element("tbody", {}, ...rows));
} // prettier-ignore

function choose(run, button, query) {
  for (const chosen of document.querySelectorAll("#matrix [aria-pressed]")) chosen.removeAttribute("aria-pressed");
  button.setAttribute("aria-pressed", "true");
  keep({ cell: button.dataset.cell });
  showExamples(run, query, t(query.label === query.predicted ? "run.right_as" : "run.taken_for", query)).catch(complain);
}

async function showExamples(run, query, title) {
  const search = new URLSearchParams({ limit: SHOWN, ...query });
  asked = search;
  const { items, count } = await get(`/runs/${run.id}/examples?${search}`);
  if (asked !== search) return; // the reader has chosen others meanwhile
  const areOfPictures = "pictures" in article.dataset;
  document.getElementById("examples-title").textContent = items[0]?.probability === null ? title : `${title}: ${count}`;
  const shown = areOfPictures ? items.map(example) : [(await import("./examples_table.js")).table(items)];
  document.getElementById("examples").replaceChildren(...shown);
}

function example({ index, label, predicted, probability }) {
  const words = label === predicted ? label : `${label} → ${predicted}`;
  const caption = [element("strong", {}, words), element("span", {}, percent(probability))];
  return element("figure", {}, picked(index, words), element("figcaption", {}, ...caption));
}

function picked(index, alt) {
  const src = address(`/datasets/${article.dataset.dataset}/images/${index}.png`);
  return element("img", { src, alt, loading: "lazy", width: 56, height: 56 });
}
