// A dataset: the progress of its import, its end, and the columns of a table.

import { address, get, send } from "../api.js";
import { goTo, showCall } from "../calls.js";
import { drawn, element } from "../dom.js";
import { metric, NOTHING, number } from "../formats.js";
import { keepLive, refresh } from "../live.js";
import { keep, kept } from "../location.js";
import { drawMap } from "../map.js";
import { complain } from "../notices.js";
import { t } from "../texts.js";
import { undoable } from "../undo.js";

const SHOWN = 200; // columns
const { id } = document.getElementById("dataset").dataset;

keepLive("dataset");
document.addEventListener("htmx:after:swap", showColumns);
showColumns();

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-action]");
  if (button?.dataset.action === "cancel") cancel();
  if (button?.dataset.action === "delete") remove(button);
  const { view, map } = target.closest("[data-view], [data-map]")?.dataset ?? {};
  if (view ?? map) keep({ look: view ?? map });
  if (view) await look(target, view, `/datasets/${id}/${view}`, PAIRS[view]);
  if (map) await look(target, "map", `/datasets/${id}/map?method=${map}`, ({ items }, place) => drawMap(place, items, picture));
});

/** Ask for what takes seconds, and draw it in the element with the id `name`. */
async function look(button, name, path, draw) {
  const [way, query] = path.split("?");
  const cli = name in PAIRS ? `antigrad datasets ${name} ${id}` : null;
  showCall({ method: "GET", path: way, query: Object.fromEntries(new URLSearchParams(query)), cli });
  const place = document.getElementById(name);
  button.disabled = true;
  place.hidden = false;
  place.textContent = t("dataset.wait");
  try {
    const answer = await get(path);
    place.textContent = answer.items.length ? "" : t("dataset.none");
    draw(answer, place);
  } catch (error) {
    place.hidden = true;
    complain(error);
  } finally {
    button.disabled = false;
  }
}

function picture(index) {
  return address(`/datasets/${id}/images/${index}.png`);
}

function pair(indices, text) {
  const pictures = indices.map((index) => element("img", { src: picture(index), alt: "", width: 56, height: 56, loading: "lazy" }));
  return element("li", {}, element("figure", {}, ...pictures, element("figcaption", {}, text)));
}

const PAIRS = {
  suspects: ({ items }, place) =>
    place.append(...items.map(({ index, label, suggested }) => pair([index], t("dataset.suspect", { label, suggested })))),
  duplicates: ({ items }, place) =>
    place.append(...items.map(({ test, train }) => pair([test, train], t("dataset.twin", { test, train })))),
};

async function cancel() {
  const path = `/datasets/${id}/cancel`;
  showCall({ method: "POST", path, cli: `antigrad datasets cancel ${id}` });
  try {
    await send("POST", path);
    refresh("dataset");
  } catch (error) {
    complain(error);
  }
}

function remove(button) {
  button.disabled = true;
  const restore = () => (button.disabled = false);
  const commit = async ({ keepalive }) => {
    try {
      const path = `/datasets/${id}`;
      await send("DELETE", path, undefined, { keepalive });
      if (!keepalive) goTo("/ui/datasets", { method: "DELETE", path, cli: `antigrad datasets delete ${id}` });
    } finally {
      restore();
    }
  };
  undoable(t("dataset.delete"), commit, restore);
}

/** Fill in the table of a table's columns: reading all rows takes longer than the page should. */
async function showColumns() {
  const table = document.querySelector("#columns[data-wait]");
  if (!table) return;
  delete table.dataset.wait;
  try {
    const { columns, target } = await get(`/datasets/${id}/statistics`);
    const rows = columns.slice(0, SHOWN).map(row);
    if (target) rows.push(row({ name: t("dataset.target"), ...target }));
    table.tBodies[0].replaceChildren(...rows);
  } catch (error) {
    complain(error);
  }
}

function row({ name, histogram, min, mean, max, std, correlation, missing }) {
  const numbers = [number(min), metric(mean), number(max), metric(std), correlation == null ? NOTHING : metric(correlation, 2), number(missing)];
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, name),
    element("td", { class: "histogram" }, histogram && bars(histogram.counts)),
    ...numbers.map((text) => element("td", { class: "number" }, text)),
  );
}

function bars(counts) {
  const most = Math.max(...counts);
  const bar = (count, place) => {
    const height = count ? Math.max(1, (20 * count) / most) : 0;
    return drawn("rect", { x: place + 0.05, y: 20 - height, width: 0.9, height });
  };
  const view = { viewBox: `0 0 ${counts.length} 20`, preserveAspectRatio: "none", "aria-hidden": "true" };
  return drawn("svg", view, ...counts.map(bar));
}

const looked = CSS.escape(kept("look") ?? "");
document.querySelector(`[data-view="${looked}"], [data-map="${looked}"]`)?.click();
