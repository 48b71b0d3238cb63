// The layers of a run's network.

import { get } from "../api.js";
import { element } from "../dom.js";
import { t } from "../texts.js";

export async function showArchitecture(id) {
  const { layers, total } = await get(`/runs/${id}/architecture`);
  const count = (value) => element("td", { class: "number" }, value ? Math.round(value).toLocaleString("en").replaceAll(",", "\u202f") : "");
  const row = (kind, name, shape, of) => element("tr", kind, element("td", {}, name), element("td", {}, shape), count(of.parameters), count(of.multiply_adds));
  const rows = layers.map((layer) => row({}, layer.type, layer.output_shape.join(" × "), layer));
  const sum = row({ class: "total" }, t("run.total"), "", total);
  document.querySelector("#architecture tbody").replaceChildren(...rows, sum);
} // prettier-ignore
