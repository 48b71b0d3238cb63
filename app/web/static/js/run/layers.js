// Gradients, updates, dead and saturated units of each layer over time.

import { get } from "../api.js";
import { unitsPerStep } from "../charts/axis.js";
import { HeatMap } from "../charts/heatmap.js";
import { percent } from "../formats.js";
import { t } from "../texts.js";

const MEASURES = [
  { name: "gradient_norm", log: true },
  { name: "update_ratio", log: true },
  { name: "dead_units", log: false, format: percent },
  { name: "saturated_units", log: false, format: percent },
];

let shown = [];

/** Show a map for each measure that some layer has. */
export async function showLayers(run, group) {
  const { layers } = await get(`/runs/${run.id}/diagnostics`);
  for (const map of shown) map.remove();
  const host = document.getElementById("heatmaps");
  shown = MEASURES.flatMap(({ name, ...looks }) => {
    const rows = layers
      .filter(({ measures }) => measures[name])
      .map(({ layer, type, measures }) => ({ label: `${layer} ${type}`, steps: measures[name].step, values: measures[name].value }));
    if (!rows.length) return [];
    const title = t(`measures.${name}`);
    return [new HeatMap(host, group, { title, rows, ...looks, unitsPerStep: () => unitsPerStep(run, group.axis) ?? 1 })];
  });
  document.getElementById("layers").hidden = !shown.length && !document.getElementById("filters");
} // prettier-ignore
