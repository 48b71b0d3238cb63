// The stream of the newest runs, in the tab that reads it for all tabs of the browser.

import { address } from "./api.js";

export class Newest {
  #events = null;
  #told = new Map(); // by run: {status, progress}, as the stream has told

  /** `tell(states)` gets a Map of what is new, by run: {status}, {progress} or both; null for a run that is gone. */
  constructor(tell, failed) {
    Object.assign(this, { tell, failed });
  }

  get isOpen() {
    return this.#events !== null && this.#events.readyState !== EventSource.CLOSED;
  }

  /** Read the stream, or stop. Whoever comes later is told what has been told so far. */
  read(isWanted) {
    if (isWanted && this.isOpen) {
      if (this.#told.size) this.tell(new Map(this.#told));
    } else if (isWanted) {
      this.#told.clear();
      this.#events = new EventSource(address("/events?runs=newest"));
      for (const kind of ["status", "progress", "gone"])
        this.#events.addEventListener(kind, ({ data }) => this.#hear(kind, JSON.parse(data)));
      this.#events.addEventListener("error", () => this.failed(this.#events));
    } else {
      this.#events?.close();
      this.#events = null;
    }
  }

  #hear(kind, { run, data }) {
    const news = kind === "gone" ? null : { [kind]: kind === "status" ? data.status : data };
    if (news) this.#told.set(run, { ...this.#told.get(run), ...news });
    else this.#told.delete(run);
    this.tell(new Map([[run, news]]));
  }
}
