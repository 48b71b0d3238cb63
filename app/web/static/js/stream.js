// One stream of events for all tabs of a browser, which allows only six connections to a host; and one of the newest
// runs, while a tab lists them.
//
// The tab that holds a Web Lock reads the stream and passes each event on. When it closes, the lock goes to another tab,
// which asks what each one watches and from where, and goes on from there. Points that a tab has already it leaves out.

import { address } from "./api.js";
import { notice } from "./notices.js";
import { t } from "./texts.js";

const KINDS = ["status", "points", "progress", "done", "gone"];
const MOST = 100; // runs of one stream
const ASK_MS = 30_000; // a tab that does not answer by then has gone
const GATHER_MS = 50;
const RETRY_MS = 3000;

const NAME = `antigrad:events:${address("/")}`;
const me = Math.random().toString(36).slice(2);
const channel = new BroadcastChannel(NAME);
const watched = new Map(); // by run: {position, on}; what this tab watches
let onNewest = null; // what this tab does with news of the newest runs
let source = null; // the stream, if this tab reads it
let isShared = "locks" in navigator; // with other tabs
let wanted = new Map(); // by tab: {runs, newest}; the positions of its runs, and whether it lists the newest ones

/**
 * Watch a run: `on(kind, data)` gets its events. `position()` is [last step of train.loss, last step of the other series]
 * that the caller has. Watch first, and read the curve then: so no point is missed. Returns a function that stops.
 */
export function watch(run, position, on) {
  watched.set(run, { position, on });
  return () => {
    watched.delete(run);
    tell();
  };
}

/**
 * Watch the newest 100 runs: `on(states)` gets a Map of what is new, by run: {status}, {progress} or both; null for a run
 * that is gone. It is first told of all, and may be told the same again.
 */
export function watchNewest(on) {
  onNewest = on;
  tell();
}

/** Say what this tab watches, and from where. Call it once the curves of the watched runs are read. */
export function tell() {
  const runs = Object.fromEntries([...watched].map(([run, { position }]) => [run, position().join(".")]));
  send({ kind: "want", tab: me, runs, newest: onNewest !== null });
}

function send(message) {
  if (isShared) channel.postMessage(message);
  receive(message);
}

function receive(message) {
  if (message.kind === "event") deliver(message);
  else if (message.kind === "newest") onNewest?.(message.states);
  else if (message.kind === "away") notice(t("unreachable"), "bad");
  else if (message.kind === "who") tell();
  else if (message.kind === "want" && source) want(message);
}

function deliver({ event, run, data }) {
  watched.get(run)?.on(event, data);
  if (event === "done" || event === "gone") watched.delete(run);
}

channel.addEventListener("message", ({ data }) => isShared && receive(data));
addEventListener("pagehide", () => send({ kind: "want", tab: me, runs: {}, newest: false }));
addEventListener("pageshow", ({ persisted }) => persisted && tell());

/** What the tab that reads the stream knows: the positions up to which it has passed events on. */
class Source {
  #events = null;
  #newest = null; // the stream of the newest runs, once a tab has asked for it
  #positions = new Map(); // by run that is being read
  #timer = 0;

  constructor() {
    setInterval(() => this.ask(), ASK_MS);
  }

  /** Ask all tabs anew, and forget those that do not answer. */
  ask() {
    wanted = new Map();
    send({ kind: "who" });
    this.settle();
  }

  /** Read what is wanted, once all tabs have had the time to say what they want. */
  settle() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), GATHER_MS);
  }

  #open() {
    this.#readNewest([...wanted.values()].some(({ newest }) => newest));
    const runs = new Map();
    for (const { runs: positions } of wanted.values())
      for (const [run, at] of Object.entries(positions)) runs.set(run, earlier(runs.get(run), at));
    const isSame = runs.size === this.#positions.size && [...runs.keys()].every((run) => this.#positions.has(run));
    if (isSame && this.#events?.readyState !== EventSource.CLOSED) return;
    this.#events?.close();
    this.#positions = new Map([...runs].slice(0, MOST).map(([run, at]) => [run, this.#positions.get(run) ?? at]));
    if (!this.#positions.size) return;
    const starts = [...this.#positions].map(([run, at]) => `${run}@${at}`);
    this.#events = new EventSource(address(`/events?runs=${starts.join()}`));
    for (const kind of KINDS) this.#events.addEventListener(kind, ({ data }) => this.#pass(kind, JSON.parse(data)));
    this.#events.addEventListener("error", () => this.#failed(this.#events));
  }

  async #readNewest(isWanted) {
    if (!isWanted && !this.#newest) return;
    this.#newest ??= import("./newest.js").then(({ Newest }) => new Newest((states) => send({ kind: "newest", states }), (events) => this.#failed(events)));
    const newest = await this.#newest.catch(() => null);
    if (newest) newest.read(isWanted);
    else {
      this.#newest = null; // the service is being restarted
      setTimeout(() => this.ask(), RETRY_MS);
    }
  } // prettier-ignore

  #pass(event, { run, at, data }) {
    if (!this.#positions.has(run)) return;
    this.#positions.set(run, at);
    if (event === "done" || event === "gone") {
      this.#positions.delete(run);
      for (const { runs } of wanted.values()) delete runs[run];
      if (!this.#positions.size) this.#events.close();
    }
    send({ kind: "event", event, run, data });
  }

  /** The browser connects again by itself, unless the answer was no stream: the service is being restarted. */
  #failed(events) {
    fetch(address("/healthz")).catch(() => send({ kind: "away" }));
    if (events.readyState === EventSource.CLOSED) setTimeout(() => this.ask(), RETRY_MS);
  }
}

function want({ tab, runs, newest }) {
  wanted.set(tab, { runs, newest });
  source.settle();
}

function earlier(a, b) {
  if (a === undefined) return b;
  const [one, other] = [a, b].map((position) => position.split(".").map(Number));
  return one.map((step, series) => Math.min(step, other[series])).join(".");
}

function lead() {
  source = new Source();
  source.ask();
}

// The lock is held until the tab closes. Plain HTTP and some frames have none: there each tab reads alone.
const readAlone = () => ((isShared = false), lead());
if (isShared) navigator.locks.request(NAME, () => (lead(), new Promise(() => {}))).catch(readAlone);
else readAlone();
