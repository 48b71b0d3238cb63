// The layers of a run's network.

import { get } from "../api.js";
import { element } from "../dom.js";
import { t } from "../texts.js";

export async function showArchitecture(id) {
  const { layers, total } = await get(`/runs/${id}/architecture`);
  const count = (value) => element("td", { class: "number" }, value ? Math.round(value).toLocaleString("en").replaceAll(",", "\u202f") : "");
  const rows = layers.map((layer) =>
    element(
      "tr",
      {},
      element("td", {}, layer.type),
      element("td", {}, layer.output_shape.join(" × ")),
      count(layer.parameters),
      count(layer.multiply_adds),
    ),
  );
  const sum = element("tr", { class: "total" }, element("td", {}, t("run.total")), element("td"), count(total.parameters), count(total.multiply_adds));
  document.querySelector("#architecture tbody").replaceChildren(...rows, sum);
} // prettier-ignore
