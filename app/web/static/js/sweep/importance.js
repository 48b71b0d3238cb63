// The importance of parameters: a bar for each, with its interval.

import { drawn } from "../dom.js";

const [WIDTH, RIGHT] = [660, 56];
const BESIDE = { left: 200, row: 28, bar: 14, name: { x: 192, dy: 4, "text-anchor": "end" } }; // the name, left of its bar
const ABOVE = { left: 0, row: 48, bar: 34, name: { x: 0, dy: -16 } }; // where there is less room

/** Draw the shares of parameters {name, share, low, high}, the largest first. */
export function drawImportance(host, parameters) {
  const width = Math.min(WIDTH, host.clientWidth || WIDTH);
  const { left, row, bar, name: label } = width < WIDTH ? ABOVE : BESIDE;
  const x = (share) => left + share * (width - left - RIGHT);
  const rows = parameters.flatMap(({ name, share, low, high }, place) => {
    const y = place * row + bar;
    return [
      drawn("text", { ...label, y }, name),
      drawn("rect", { class: "share", x: x(0), y: y - 6, width: Math.max(1, x(share) - x(0)), height: 12 }),
      drawn("path", { class: "interval", d: `M${x(low)} ${y}H${x(high)}M${x(low)} ${y - 4}V${y + 4}M${x(high)} ${y - 4}V${y + 4}` }),
      drawn("text", { x: x(high) + 8, y: y + 4 }, `${Math.round(100 * share)} %`),
    ];
  });
  const said = parameters.map(({ name, share }) => `${name} ${Math.round(100 * share)} %`).join(", ");
  const view = `0 0 ${width} ${parameters.length * row}`;
  host.replaceChildren(drawn("svg", { viewBox: view, role: "img", "aria-label": said }, ...rows));
} // prettier-ignore
