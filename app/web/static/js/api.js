// Requests to the public routes of this service. Scripts of pages call nothing else.

import { t } from "./texts.js";

const { prefix, messages } = document.documentElement.dataset;

/** The address of a route below the prefix of a proxy or of a link that shares a run. */
export function address(path) {
  return prefix + path;
}

/**
 * A refusal or failure: the members of the problem document. `errors` has the wrong fields. Where `detail` is English for
 * readers of another language, `isEnglish` says so, and `kind` says in their language what kind of problem it is.
 */
export class Problem extends Error {
  constructor(status, { code, detail, kind, isEnglish = false, errors = [], fix = null }) {
    super(detail);
    Object.assign(this, { name: "Problem", status, code, detail, kind, isEnglish, errors, fix });
  }

  /** The problem of an answer, in the reader's language, whose texts are read when the first one is met. */
  static async of(status, body) {
    if (!messages) return new Problem(status, body);
    const { translated } = await import("./translations.js");
    return new Problem(status, await translated(body, status, messages));
  }
}

/** The JSON of a GET. Throws a Problem. */
export function get(path, { signal } = {}) {
  return answer(fetch(address(path), { headers: { Accept: "application/json" }, signal }));
}

/**
 * The JSON of the answer to a change; null if it has no body. `body` is sent as JSON, a Blob as it is. Throws a Problem.
 * With `keepalive` the request outlives the page.
 */
export function send(method, path, body, { signal, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  const isBlob = body instanceof Blob;
  if (isBlob) headers["Content-Type"] = body.type || "application/octet-stream";
  else if (body !== undefined) headers["Content-Type"] = "application/json";
  const content = isBlob ? body : JSON.stringify(body);
  return answer(fetch(address(path), { method, headers, body: content, signal, keepalive }));
}

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { code: "unreachable", detail: t("unreachable") });
  }
  if (response.status === 204) return null;
  const body = await response.json();
  if (!response.ok) throw await Problem.of(response.status, body);
  return body;
}
