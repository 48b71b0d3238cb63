// The answer of one network to what is on the paper.

import { send } from "../api.js";
import { element } from "../dom.js";
import { metric, percent } from "../formats.js";
import { words } from "../notices.js";
import { drawSaliency, drawSeen, wipe } from "./views.js";

const LISTED = 10;

export class Answer {
  #request = null;

  /** `explained(saliency, margin)` is called with what speaks for the answer, and the margin around the ink or null. */
  constructor(section, explained) {
    Object.assign(this, { section, explained });
    this.network = section.querySelector("select");
    [this.seen, this.saliency] = section.querySelectorAll("canvas");
    [this.verdict, this.list, this.problem] = section.querySelectorAll(".verdict, .probabilities, .problem");
  }

  get isShown() {
    return !this.section.hidden && this.network.value !== "";
  }

  clear() {
    this.#request?.abort();
    for (const canvas of [this.seen, this.saliency]) wipe(canvas);
    for (const part of [this.verdict, this.list, this.problem]) part.replaceChildren();
  }

  /** Ask the network about a picture, and once a stroke is complete also what speaks for its answer. */
  async ask(content, options, isDone) {
    const request = (this.#request = new AbortController());
    const query = { ...Object.fromEntries(new URLSearchParams(this.network.value)), ...options };
    try {
      const ask = (more) => send("POST", `/predict?${new URLSearchParams({ ...query, ...more })}`, content, request);
      const { predictions, preprocessing } = await ask({ top: "all", explain: "preprocessing" });
      this.#show(predictions[0]);
      const [values] = preprocessing.seen;
      drawSeen(this.seen, values);
      if (!isDone) return;
      const { saliency } = await ask({ explain: "gradient" });
      drawSaliency(this.saliency, values, saliency[0].values);
      this.explained(saliency[0].values, preprocessing.margin ?? null);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.clear();
      this.problem.replaceChildren(...words(error));
    }
  }

  #show({ label, probability, value, top = [] }) {
    this.problem.textContent = "";
    if (label === undefined) this.verdict.replaceChildren(metric(value));
    else this.verdict.replaceChildren(label, element("small", {}, percent(probability)));
    const listed = top.slice(0, LISTED);
    if (top.length <= LISTED) listed.sort((a, b) => a.label.localeCompare(b.label)); // they stay where they are
    this.list.replaceChildren(...listed.map(row));
  }
}

function row({ label, probability }) {
  const bar = element("i");
  bar.style.setProperty("--share", probability);
  return element(
    "li",
    {},
    element("span", {}, label),
    element("span", { class: "bar" }, bar),
    element("span", { class: "number" }, percent(probability)),
  );
}
