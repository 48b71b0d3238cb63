// What the head of a run's page shows while the run trains.

import { duration, metric, number, percent } from "../formats.js";
import { language, t } from "../texts.js";

/** Show how far the run is, and its newest metrics. */
export function showProgress(progress) {
  const figures = {
    step: t("run.step", { step: number(progress.step ?? 0) }),
    pace: progress.steps_per_second ? t("run.pace", { n: metric(progress.steps_per_second, 3) }) : "",
    left: progress.eta_seconds ? t("run.left", { time: duration(progress.eta_seconds) }) : "",
    seconds: duration(progress.seconds),
  };
  for (const [part, measured] of Object.entries(progress.metrics ?? {}))
    for (const [name, value] of Object.entries(measured ?? {}))
      figures[`${part}.${name}`] = name === "accuracy" ? percent(value) : metric(value);
  for (const element of document.querySelectorAll("[data-figure]"))
    if (element.dataset.figure in figures) element.textContent = figures[element.dataset.figure];
  const bar = document.querySelector("#head progress");
  if (bar && progress.fraction !== undefined) bar.value = progress.fraction;
}

// The page's language, in the form that the reader's browser prefers.
const locale = navigator.languages.find((each) => each.startsWith(language)) ?? language;
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }); // prettier-ignore

/** Write the times of the page in the reader's own zone. */
export function localTimes() {
  for (const time of document.querySelectorAll("time[datetime]"))
    time.textContent = day.format(new Date(time.dateTime));
}
