// A chart by keyboard: the crosshair, the zoom of all charts, and the row of a map.

const ALONG = { ArrowLeft: -1, ArrowRight: 1 };
const ACROSS = { ArrowUp: -1, ArrowDown: 1 };
const ZOOM = { "+": 0.5, "=": 0.5, "-": 2 };

/** Let keys steer a chart while `element` has the focus. `ends` are those of the part of the axis that the chart shows. */
export function steer(element, group, chart) {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key, shiftKey } = event;
    const [from, to] = chart.ends;
    const at = Math.min(to, Math.max(from, group.at ?? (from + to) / 2));
    if (key in ALONG) move(at + ALONG[key] * (to - from) * (shiftKey ? 0.1 : 0.01));
    else if (key in ZOOM) group.zoom(around(group.whole, at, (to - from) * ZOOM[key]));
    else if (key in ACROSS && chart.rows) chart.choose(chart.row + ACROSS[key]);
    else if (key === "Escape") group.zoom(null);
    else return;
    event.preventDefault();

    function move(next) {
      group.point(Math.min(to, Math.max(from, next)), chart.firstRun);
    }
  });
}

/** A range of this width around a place, within the whole; null for about the whole or more. */
function around([first, last], at, width) {
  if (width > 0.99 * (last - first)) return null;
  const from = Math.min(last - width, Math.max(first, at - width / 2));
  return [from, from + width];
}
