// Inputs for the fields that /layers and /optimizers describe.

import { element } from "./dom.js";
import { number } from "./formats.js";

let count = 0;

/**
 * A field with its label, bounds, default and meaning. `value` is undefined where the request says nothing; `change` is
 * called with the new value, or undefined for none. `pointer` is the field's place in the request.
 */
export function fieldInput(field, value, pointer, change) {
  const id = `field-${++count}`;
  const input = inputOf(field, value, change);
  input.id = id;
  input.lang = "en"; // the language of what the service says about its fields
  const range = rangeOf(field);
  const said = [field.doc, range && `(${range})`].filter(Boolean).join(" ");
  const hint = said && element("p", { class: "hint", lang: "en", id: `${id}-hint` }, said);
  if (said) input.setAttribute("aria-describedby", hint.id);
  return element("div", { class: "field" }, element("label", { for: id }, field.name), input, hint, problemAt(pointer));
}

/** The place for what is wrong with a field of the request. */
export function problemAt(pointer) {
  return element("p", { class: "problem", "data-problem": pointer, role: "alert" });
}

function inputOf(field, value, change) {
  if (field.choices.length) {
    const select = element("select");
    for (const choice of field.choices) select.append(new Option(choice, choice, false, choice === (value ?? field.default)));
    select.addEventListener("change", () => change(given(select.value, field.default)));
    return select;
  }
  if (field.type === "boolean") {
    const box = element("input", { type: "checkbox", checked: value ?? field.default ?? false });
    box.addEventListener("change", () => change(given(box.checked, field.default)));
    return box;
  }
  const input = element("input", {
    autocomplete: "off",
    value: value === undefined ? "" : shown(value),
    placeholder: field.required || field.default === null ? "" : shown(field.default),
  });
  if (field.type === "number" || field.type === "integer") {
    input.type = "number";
    input.step = field.type === "integer" ? 1 : "any";
    input.inputMode = field.type === "integer" ? "numeric" : "decimal";
    if (field.bounds.ge !== undefined) input.min = field.bounds.ge;
    if (field.bounds.le !== undefined) input.max = field.bounds.le;
  }
  input.addEventListener("input", () => change(parsed(input.value)));
  return input;
}

function given(value, byDefault) {
  return value === byDefault ? undefined : value;
}

function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** JSON where it is some, otherwise text; undefined for an empty input. */
function parsed(text) {
  if (!text.trim()) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function rangeOf({ bounds }) {
  const signs = { gt: ">", ge: "≥", lt: "<", le: "≤" };
  return Object.entries(bounds).map(([name, bound]) => `${signs[name]}\u00a0${number(bound)}`).join(", ");
}
