// The importance of parameters: a bar for each, with its interval.

import { drawn } from "../dom.js";

const [WIDTH, ROW, LEFT, RIGHT] = [660, 28, 200, 56];

/** Draw the shares of parameters {name, share, low, high}, the largest first. */
export function drawImportance(host, parameters) {
  const x = (share) => LEFT + share * (WIDTH - LEFT - RIGHT);
  const rows = parameters.flatMap(({ name, share, low, high }, place) => {
    const y = place * ROW + ROW / 2;
    return [
      drawn("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, name),
      drawn("rect", { class: "share", x: x(0), y: y - 6, width: Math.max(1, x(share) - x(0)), height: 12 }),
      drawn("path", { class: "interval", d: `M${x(low)} ${y}H${x(high)}M${x(low)} ${y - 4}V${y + 4}M${x(high)} ${y - 4}V${y + 4}` }),
      drawn("text", { x: x(high) + 8, y: y + 4 }, `${Math.round(100 * share)} %`),
    ];
  });
  const label = parameters.map(({ name, share }) => `${name} ${Math.round(100 * share)} %`).join(", ");
  host.replaceChildren(drawn("svg", { viewBox: `0 0 ${WIDTH} ${parameters.length * ROW}`, role: "img", "aria-label": label }, ...rows));
} // prettier-ignore
