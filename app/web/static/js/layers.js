// The layers of a network as a list: added, changed, reordered and removed.

import { element, fieldInput } from "./fields.js";
import { number } from "./formats.js";
import { t } from "./texts.js";

const LAYERS_INSIDE = /layer/; // the type of a field that holds layers

/** An editor of `layers` in the list `place`; `entries` describes the types, and `change` is called after each edit. */
export class LayerEditor {
  constructor(place, entries, change) {
    this.place = place;
    this.entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.change = change;
    this.layers = [];
  }

  set(layers) {
    this.layers = structuredClone(layers);
    this.draw();
  }

  add(type) {
    const layer = { type };
    for (const field of this.entries.get(type).fields) {
      if (field.required) layer[field.name] = FIRST[field.name] ?? (LAYERS_INSIDE.test(field.type) ? [] : 1);
    }
    this.layers.push(layer);
    this.edited();
    this.place.lastElementChild.querySelector("input, button").focus();
  }

  /** Show output shapes and parameters, as POST /architectures/inspect answers with them. */
  annotate(rows) {
    for (const item of this.place.children) item.querySelector(".shape").textContent = "";
    for (const row of rows) {
      const place = row.pointer?.match(/^\/model\/layers\/(\d+)$/)?.[1];
      const shape = this.place.children[place]?.querySelector(".shape");
      if (shape) shape.textContent = `${row.output_shape.join("×")} · ${number(row.parameters)}`;
    }
  }

  edited() {
    this.draw();
    this.change();
  }

  draw() {
    this.place.replaceChildren(...this.layers.map((layer, place) => this.item(layer, place)));
  }

  item(layer, place) {
    const item = element("li", {});
    const problem = element("p", { className: "problem" });
    problem.dataset.problem = `model/layers/${place}`;
    problem.setAttribute("role", "alert");
    const [given, more] = this.fields(layer, place);
    const shape = element("span", { className: "shape" });
    item.append(element("strong", { textContent: layer.type }), given, shape, this.buttons(place), ...more, problem);
    return item;
  }

  buttons(place) {
    const buttons = element("span", { className: "buttons" });
    for (const [sign, label, action, isUseless] of [
      ["↑", "up", () => this.move(place, -1), place === 0],
      ["↓", "down", () => this.move(place, 1), place === this.layers.length - 1],
      ["×", "remove", () => this.remove(place), false],
    ]) {
      const button = element("button", { type: "button", className: "quiet", textContent: sign, disabled: isUseless });
      button.setAttribute("aria-label", t(`layers.${label}`));
      button.addEventListener("click", action);
      buttons.append(button);
    }
    return buttons;
  }

  /** The fields that the request gives or must give, and the others, folded away. */
  fields(layer, place) {
    const entry = this.entries.get(layer.type);
    const inputs = (fields) =>
      fields.map((field) =>
        fieldInput(field, layer[field.name], `model/layers/${place}/${field.name}`, (value) => {
          if (value === undefined) delete layer[field.name];
          else layer[field.name] = value;
          this.change();
        }),
      );
    const isGiven = (field) => field.required || layer[field.name] !== undefined;
    const given = element("div", { className: "given" });
    given.append(...inputs(entry.fields.filter(isGiven)));
    const rest = entry.fields.filter((field) => !isGiven(field));
    if (!rest.length) return [given, []];
    const more = element("details", {});
    const inside = element("div", { className: "fields" });
    inside.append(...inputs(rest));
    more.append(element("summary", { textContent: t("layers.more") }), inside);
    return [given, [more]];
  }

  move(place, by) {
    const [layer] = this.layers.splice(place, 1);
    this.layers.splice(place + by, 0, layer);
    this.edited();
  }

  remove(place) {
    this.layers.splice(place, 1);
    this.edited();
  }
}

const FIRST = { units: 64, channels: 16, kernel_size: 3, p: 0.5 }; // a new layer's required fields
