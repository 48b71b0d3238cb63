// A part of a page that is loaded again while something on it is unfinished, and the window is seen.

const REFRESH_MS = 2000;

/** Load the element with this id again from time to time, while its `data-live` is true. */
export function keepLive(id) {
  setInterval(() => {
    if (document.getElementById(id)?.dataset.live === "true" && document.visibilityState === "visible") refresh(id);
  }, REFRESH_MS);
}

/** Load the element with this id again now. */
export function refresh(id) {
  document.getElementById(id)?.dispatchEvent(new Event("refresh"));
}
