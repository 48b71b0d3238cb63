// The layers of a network as a list: added, changed, reordered and removed. A layer of layers has a list of its own.

import { element } from "./dom.js";
import { fieldInput, problemAt } from "./fields.js";
import { number } from "./formats.js";
import { t } from "./texts.js";

const FIRST = { units: 64, channels: 16, kernel_size: 3, p: 0.5 }; // a new layer's required fields

/** True for a field that holds layers. */
const isNest = ({ type }) => type === "[layer, …]";

export class LayerEditor {
  layers = [];

  /**
   * An editor of layers in the list `place`, to which the select `adder` adds one. `entries` describes the types, `change`
   * is called after each edit, and `pointer` is the place of the layers in the request.
   */
  constructor(place, adder, entries, change, pointer = "model/layers") {
    Object.assign(this, { place, entries, change, pointer });
    adder.append(...entries.map(({ name, summary }) => element("option", { value: name, title: summary, lang: "en" }, name)));
    adder.addEventListener("change", () => {
      if (adder.value) this.add(adder.value);
      adder.value = "";
    });
  }

  /** Edit these layers, in their own array. */
  edit(layers) {
    this.layers = layers;
    this.draw();
  }

  add(type) {
    const layer = { type };
    for (const field of this.entryOf(type).fields)
      if (field.required) layer[field.name] = isNest(field) ? [] : (FIRST[field.name] ?? 1);
    this.layers.push(layer);
    this.edited();
    this.place.lastElementChild.querySelector("input, select, button").focus();
  }

  /** Show output shapes and parameters, as POST /architectures/inspect answers with them. */
  annotate(rows) {
    for (const shape of this.place.querySelectorAll(".shape")) shape.textContent = "";
    for (const row of rows) {
      const shape = this.place.querySelector(`[data-shape="${row.pointer?.slice(1)}"]`);
      if (shape) shape.textContent = `${row.output_shape.join("×")} · ${number(row.parameters)}`;
    }
  }

  entryOf(type) {
    return this.entries.find(({ name }) => name === type);
  }

  edited() {
    this.draw();
    this.change();
  }

  draw() {
    this.place.replaceChildren(...this.layers.map((layer, place) => this.item(layer, place)));
  }

  item(layer, place) {
    const pointer = `${this.pointer}/${place}`;
    const { fields } = this.entryOf(layer.type);
    const simple = fields.filter((field) => !isNest(field));
    const isGiven = (field) => field.required || layer[field.name] !== undefined;
    const inputs = (some) => some.map((field) => this.input(layer, field, pointer));
    const rest = simple.filter((field) => !isGiven(field));
    return element(
      "li",
      {},
      element("strong", {}, layer.type),
      element("div", { class: "given" }, ...inputs(simple.filter(isGiven))),
      element("span", { class: "shape", "data-shape": pointer }),
      this.buttons(place),
      rest.length > 0 &&
        element("details", {}, element("summary", {}, t("layers.more")), element("div", { class: "fields" }, ...inputs(rest))),
      ...fields.filter(isNest).map(({ name }) => this.inside(layer, name, pointer)),
      problemAt(pointer),
    );
  } // prettier-ignore

  input(layer, field, pointer) {
    return fieldInput(field, layer[field.name], `${pointer}/${field.name}`, (value) => {
      if (value === undefined) delete layer[field.name];
      else layer[field.name] = value;
      this.change();
    });
  }

  /** The layers within a layer. */
  inside(layer, name, pointer) {
    const label = t("layers.inside", { type: layer.type });
    const list = element("ol", { class: "layers", "aria-label": label });
    const adder = element("select", { "aria-label": label }, element("option", { value: "" }, t("layers.add")));
    new LayerEditor(list, adder, this.entries, this.change, `${pointer}/${name}`).edit(layer[name]);
    return element("div", { class: "inside" }, list, adder);
  }

  buttons(place) {
    const button = (sign, label, action, isUseless) => {
      const made = element("button", { type: "button", class: "quiet", disabled: isUseless, "aria-label": t(`layers.${label}`) }, sign);
      made.addEventListener("click", action);
      return made;
    };
    return element(
      "span",
      { class: "buttons" },
      button("↑", "up", () => this.move(place, -1), place === 0),
      button("↓", "down", () => this.move(place, 1), place === this.layers.length - 1),
      button("×", "remove", () => this.remove(place), false),
    );
  } // prettier-ignore

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
