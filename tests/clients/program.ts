// A program on the generated types; `tsc --strict` checks it.
import type { components, operations, paths } from "./schema";

type Run = components["schemas"]["RunAnswer"];
type RunRequest = components["schemas"]["RunRequest"];
type Prediction = operations["predict"]["responses"]["200"]["content"]["application/json"];
type Filter = NonNullable<operations["list_runs"]["parameters"]["query"]>;
type Created = paths["/runs"]["post"]["responses"]["202"]["content"]["application/json"];

const request: Pick<RunRequest, "dataset" | "model" | "optimizer" | "schedule" | "stop"> = {
  dataset: "notmnist",
  model: { layers: [{ type: "linear", units: 8 } as components["schemas"]["LinearRequest"]] },
  optimizer: "adam",
  schedule: "constant",
};
const filter: Filter = { status: "succeeded", tag: ["course:lesson 2"], limit: 10 };
// @ts-expect-error no run has this status
const wrong: Filter = { status: "done" };

async function train(address: string): Promise<Run> {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`${address}/runs`, { method: "POST", headers, body: JSON.stringify(request) });
  let run: Run = (await answer.json()) as Created;
  while (run.status === "queued" || run.status === "running") {
    run = (await (await fetch(`${address}/runs/${run.id}?wait=30`)).json()) as Run;
  }
  return run;
}

async function predict(address: string, run: Run, pictures: Blob[]): Promise<string[]> {
  const form = new FormData();
  for (const picture of pictures) form.append("image", picture);
  const answer = await fetch(`${address}/predict?run=${run.id}`, { method: "POST", body: form });
  const found = (await answer.json()) as Prediction;
  return found.predictions.map((one) => ("label" in one ? one.label : String(one.value)));
}

export { filter, predict, train, wrong };
