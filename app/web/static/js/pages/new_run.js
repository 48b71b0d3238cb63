// The form of a new run. The request in the making stands in the address, so that a link to it can be kept or sent.

import { address, get, send } from "../api.js";
import { goTo, showCall } from "../calls.js";
import { element } from "../dom.js";
import { fieldInput } from "../fields.js";
import { duration, NOTHING, number, size } from "../formats.js";
import { LayerEditor } from "../layers.js";
import { inEnglish, meaning } from "../messages.js";
import { clearProblems, showProblem } from "../problems.js";
import { language, t } from "../texts.js";

const form = document.getElementById("new-run");
const byId = (id) => document.getElementById(id);
const does = JSON.parse(byId("optimizer-texts").textContent); // by optimizer: what it does, in the reader's language
const FIRST = { model: { layers: [{ type: "linear", units: 256 }, { type: "relu" }] }, optimizer: { name: "adam" } };
const PICTURES = 8;

const [layers, optimizers, presets] = (await Promise.all([get("/layers"), get("/optimizers"), get("/presets")])).map(
  ({ items }) => items,
);
const network = new LayerEditor(byId("layers"), byId("add-layer"), layers, ownLayers);
let request = {};
let inspection = null; // the AbortController of the one in progress

// The request and the form

function show(next) {
  request = next;
  if (request.dataset) select(byId("dataset"), request.dataset);
  byId("preset").value = request.model?.preset ?? "";
  network.edit(structuredClone(request.model?.layers ?? presetOf(request.model?.preset)?.layers ?? []));
  showOptimizer();
  byId("epochs").value = request.stop?.max_epochs ?? "";
  byId("batch_size").value = request.batch_size ?? "";
  byId("seed").value = request.seed ?? 0;
  byId("name").value = request.name ?? "";
  byId("tags").value = Object.entries(request.tags ?? {}).map((pair) => pair.join(":")).join(", ");
}

/** Choose an option by its value or by the name that its text begins with. */
function select(list, value) {
  const option = [...list.options].find((each) => each.value === value || each.text.startsWith(`${value} `));
  if (option) option.selected = true;
}

function read() {
  const { preset } = request.model;
  request = {
    ...request,
    dataset: byId("dataset").value,
    model: preset ? { preset } : { layers: network.layers },
    stop: { ...request.stop, max_epochs: wholeOf("epochs") ?? null },
    batch_size: byId("batch_size").value.trim() === "full" ? "full" : wholeOf("batch_size"),
    seed: wholeOf("seed") ?? 0,
    name: byId("name").value || undefined,
    tags: tagsOf(byId("tags").value),
  };
  return request;
}

/** The number in an input; what is none is left for the service to refuse. */
function wholeOf(id) {
  const text = byId(id).value.trim();
  return text ? (Number.isNaN(Number(text)) ? text : Number(text)) : undefined;
}

function tagsOf(text) {
  const pairs = text.split(",").map((each) => each.trim()).filter(Boolean);
  return pairs.length ? Object.fromEntries(pairs.map((pair) => pair.split(/:(.*)/s).slice(0, 2))) : undefined;
}

function edited() {
  const body = read();
  history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify(body))}`);
  showCall({ method: "POST", path: "/runs", body, cli: commandOf(body) });
  inspect();
}

function commandOf({ dataset, model, optimizer, stop, batch_size, seed, name }) {
  const isPlain = model.layers?.every((layer) => Object.keys(layer).join() === (layer.type === "linear" ? "type,units" : "type"));
  const words = [`antigrad train ${dataset}`];
  if (model.preset) words.push(`--preset ${model.preset}`);
  else if (isPlain && model.layers.length) words.push(`--layers ${model.layers.map((layer) => layer.units ?? layer.type).join(" ")}`);
  else words.push(`--set 'model.layers=${JSON.stringify(model.layers)}'`);
  for (const [key, value] of Object.entries(optimizer ?? {})) {
    words.push(key === "name" ? `--optimizer ${value}` : key === "lr" ? `--lr ${value}` : `--set 'optimizer.${key}=${JSON.stringify(value)}'`);
  }
  if (stop?.max_epochs) words.push(`--epochs ${stop.max_epochs}`);
  if (batch_size) words.push(`--batch-size ${batch_size}`);
  if (seed) words.push(`--seed ${seed}`);
  if (name) words.push(`--name '${name.replaceAll("'", "'\\''")}'`);
  return words.join(" ");
}

// The network

function presetOf(name) {
  return presets.find((each) => each.name === name);
}

function ownLayers() {
  if (request.model.preset) {
    request.model = { layers: network.layers };
    byId("preset").value = "";
    byId("preset-summary").textContent = "";
  }
  edited();
}

byId("preset").addEventListener("change", () => {
  const preset = presetOf(byId("preset").value);
  const { dataset, name, tags } = read();
  show(preset ? { dataset, name, tags, stop: {}, ...preset.request } : { dataset, name, tags, ...FIRST, stop: { max_epochs: 20 } });
  byId("preset-summary").textContent = preset?.summary ?? "";
  edited();
});

// The optimizer

byId("optimizer").append(...optimizers.map(({ name }) => new Option(name, name)));
byId("optimizer").addEventListener("change", () => {
  request.optimizer = { name: byId("optimizer").value };
  showOptimizer();
  edited();
});

function showOptimizer() {
  request.optimizer = typeof request.optimizer === "string" ? { name: request.optimizer } : { name: "adam", ...request.optimizer };
  const { optimizer } = request;
  const entry = optimizers.find(({ name }) => name === optimizer.name);
  byId("optimizer").value = entry.name;
  byId("optimizer-summary").textContent = does[entry.name] ?? entry.summary;
  byId("optimizer-summary").lang = entry.name in does ? language : "en";
  byId("optimizer-formula").textContent = entry.formula.replaceAll("; ", "\n");
  const fields = optimizer.formulas === "lecture" ? entry.lecture_fields : entry.fields;
  byId("optimizer-fields").replaceChildren(
    ...fields.map((field) =>
      fieldInput(field, optimizer[field.name], `optimizer/${field.name}`, (value) => {
        if (value === undefined) delete request.optimizer[field.name];
        else request.optimizer[field.name] = value;
        edited();
      }),
    ),
  );
}

// What the network would be

async function inspect() {
  inspection?.abort();
  const { signal } = (inspection = new AbortController());
  const { dataset, model, optimizer, batch_size } = request;
  const body = { dataset, model, optimizer, ...(typeof batch_size === "number" ? { batch_size } : {}) };
  try {
    const found = await send("POST", "/architectures/inspect", body, { signal });
    const warnings = await Promise.all(found.warnings.map(warning));
    if (signal.aborted) return;
    clearProblems(form);
    network.annotate(found.layers);
    byId("parameters").textContent = number(found.total.parameters);
    byId("multiply-adds").textContent = number(found.total.multiply_adds);
    byId("memory").textContent = size(memoryOf(found.memory));
    showTime(found.epoch_time);
    byId("warnings").replaceChildren(...warnings);
  } catch (error) {
    if (error.name !== "AbortError") showProblem(form, error);
  }
}

/** The time of all epochs, if earlier trainings tell how long one takes. */
function showTime(epoch) {
  const epochs = request.stop.max_epochs;
  const [least, most] = [epoch?.least, epoch?.most].map((seconds) => duration(seconds * epochs));
  const isKnown = epoch && epochs > 0;
  byId("time").textContent = isKnown ? (least === most ? least : t("new_run.time", { least, most })) : NOTHING;
  if (epoch) byId("time-basis").textContent = t("new_run.basis", { n: epoch.trainings });
}

function memoryOf({ parameters, gradients, optimizer_state, saved_for_backward }) {
  return parameters + gradients + optimizer_state + saved_for_backward;
}

async function warning({ code, detail, fix }) {
  const means = await meaning(code);
  const numbers = element("p", means ? { class: "muted" } : {}, inEnglish(detail));
  return element("li", {}, means && element("p", {}, means), numbers, element("p", { class: "muted" }, inEnglish(fix)));
}

async function glimpse() {
  const list = byId("glimpse");
  const id = byId("dataset").value;
  list.replaceChildren();
  const { shape } = await get(`/datasets/${id}`);
  if (shape?.length !== 3) return;
  const { items } = await get(`/datasets/${id}/samples?part=train&limit=${PICTURES}`);
  if (id !== byId("dataset").value) return;
  list.replaceChildren(
    ...items.map(({ index, label }) => {
      const src = address(`/datasets/${id}/images/${index}.png`);
      return element("li", {}, element("img", { src, alt: label, width: 40, height: 40 }));
    }),
  );
}

byId("dataset").addEventListener("change", glimpse);
form.addEventListener("input", ({ target }) => {
  const hasItsOwn = target.closest("#layers, #optimizer-fields, #add-layer, #preset, #optimizer");
  if (!hasItsOwn) edited();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearProblems(form);
  byId("start").disabled = true;
  try {
    const body = read();
    const run = await send("POST", "/runs", body);
    goTo(`/ui/runs/${run.id}`, { method: "POST", path: "/runs", body, cli: commandOf(body) });
  } catch (error) {
    byId("start").disabled = false;
    showProblem(form, error);
    form.querySelector("[aria-invalid]")?.focus();
  }
});

// The beginning: the request of the address, that of an earlier run, or the usual one.

async function first() {
  if (location.hash.length > 1) return JSON.parse(decodeURIComponent(location.hash.slice(1)));
  if (form.dataset.run) return (await get(`/runs/${form.dataset.run}`)).request;
  return { dataset: byId("dataset").value, ...structuredClone(FIRST), stop: { max_epochs: 20 } };
}

show(await first());
byId("fields").disabled = false;
byId("start").disabled = false;
edited();
glimpse();
