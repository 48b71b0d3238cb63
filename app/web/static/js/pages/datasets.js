// The upload of a dataset, with its progress, which fetch does not tell; and the import of a public one.

import { address, Problem, send } from "../api.js";
import { goTo, showCall } from "../calls.js";
import { size } from "../formats.js";
import { keepLive } from "../live.js";
import { complain } from "../notices.js";
import { clearProblems, showProblem } from "../problems.js";
import { t } from "../texts.js";

const TABLES = /\.(csv|tsv|txt|parquet)(\.(gz|bz2|xz|zst))?$/i;
const form = document.getElementById("upload");
let file = null;
let request = null;

keepLive("list");

function choose(next) {
  if (!next) return;
  file = next;
  clearProblems(form);
  document.getElementById("chosen").hidden = false;
  document.getElementById("file-name").textContent = `${file.name}, ${size(file.size)}`;
  const name = form.elements.namedItem("name");
  name.value = file.name.replace(/(\.[a-z]\w{0,7}){1,2}$/i, "").replace(/[^\w.-]+/g, "-").replace(/^[^a-z0-9]+/i, "").slice(0, 100);
  document.getElementById("target-field").hidden = !TABLES.test(file.name);
  name.focus();
}

function upload() {
  const query = { name: form.elements.namedItem("name").value };
  const target = form.elements.namedItem("target").value;
  if (target && !document.getElementById("target-field").hidden) query.target = target;
  const options = query.target ? ` --target '${query.target}'` : "";
  const call = { method: "POST", path: "/datasets", query, file: file.name, cli: `antigrad datasets add ${query.name} '${file.name}'${options}` };
  showCall(call);
  request = new XMLHttpRequest();
  request.open("POST", address(`/datasets?${new URLSearchParams(query)}`));
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.addEventListener("progress", ({ loaded, total }) => sent(loaded, total));
  request.addEventListener("load", () => answered(request.status, request.responseText, call));
  request.addEventListener("error", () => failed(new Problem(0, { detail: t("unreachable") })));
  busy(true);
  request.send(file);
}

function sent(loaded, total) {
  document.getElementById("sent").value = loaded / total;
  document.getElementById("sent-bytes").textContent = `${size(loaded)} / ${size(total)}`;
}

async function answered(status, text, call) {
  const body = JSON.parse(text);
  if (status >= 400) failed(await Problem.of(status, body));
  else goTo(`/ui/datasets/${body.id}`, call);
}

function failed(problem) {
  busy(false);
  showProblem(form, problem);
}

function busy(is) {
  document.getElementById("send").disabled = is;
  document.getElementById("sending").hidden = !is;
}

function reset() {
  request?.abort();
  file = null;
  form.reset();
  clearProblems(form);
  busy(false);
  document.getElementById("chosen").hidden = true;
}

if (form) {
  document.getElementById("file").addEventListener("change", (event) => choose(event.target.files[0]));
  document.getElementById("stop").addEventListener("click", reset);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearProblems(form);
    upload();
  });
  // The whole page takes a file: whoever misses the pane shall not leave the page.
  addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && form.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    choose(event.dataTransfer.files[0]);
  });
}

document.addEventListener("click", async (event) => {
  const name = event.target.closest("[data-published]")?.dataset.published;
  if (!name) return;
  event.target.disabled = true;
  try {
    const path = `/datasets/catalogue/${name}`;
    const dataset = await send("POST", path);
    goTo(`/ui/datasets/${dataset.id}`, { method: "POST", path, cli: `antigrad datasets add ${name}` });
  } catch (error) {
    event.target.disabled = false;
    complain(error);
  }
});
