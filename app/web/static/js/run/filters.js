// The weights of a run's first layer as pictures, at each checkpoint and at the end.

import { address } from "../api.js";
import { number } from "../formats.js";
import { t } from "../texts.js";

const figure = document.getElementById("filters");

export async function showFilters(run) {
  const steps = [...JSON.parse(figure.dataset.steps), ...(run.served_step === null ? [] : [null])];
  const [image, slider, output] = figure.querySelectorAll("img, input, output");
  const show = () => {
    const step = steps[slider.value];
    image.src = address(`/runs/${run.id}/filters.png${step === null ? "" : `?step=${step}`}`);
    output.textContent = t("run.at_step", { step: number(step ?? run.served_step) });
  };
  slider.max = steps.length - 1;
  slider.value = steps.length - 1;
  slider.hidden = steps.length < 2;
  slider.oninput = show;
  image.onload = () => (image.hidden = false);
  show();
}
