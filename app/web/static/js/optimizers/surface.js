// The surface from above: its regions, the walks on it, and the start, which can be dragged.

import { drawn } from "../dom.js";

const MARGIN = 3; // views around the picture, beyond which a walk is cut

/** A picture in the units of the plane; y is negated, since SVG counts downwards. */
export class SurfacePicture {
  #ground = drawn("g");
  #walks = drawn("g");
  #start = drawn("g");

  /** `moved` is called with a point while the reader drags the start. */
  constructor(svg, moved) {
    this.svg = svg;
    svg.append(this.#ground, this.#walks, this.#start);
    svg.addEventListener("pointerdown", (event) => {
      const isGrip = event.target.classList.contains("start-grip");
      if (event.pointerType === "touch" && !isGrip) return; // a finger on the ground scrolls the page
      event.preventDefault();
      svg.setPointerCapture(event.pointerId);
      moved(this.#pointAt(event));
    });
    svg.addEventListener("pointermove", (event) => {
      if (svg.hasPointerCapture(event.pointerId)) moved(this.#pointAt(event));
    });
  }

  /** The point of the plane under the pointer, within the view and with as many digits as there are pixels. */
  #pointAt({ clientX, clientY }) {
    const box = this.svg.getBoundingClientRect();
    const [[left, bottom], [right, top]] = this.view;
    const share = (at, from, size) => Math.min(1, Math.max(0, (at - from) / size));
    const x = left + share(clientX, box.left, box.width) * (right - left);
    const y = top - share(clientY, box.top, box.height) * (top - bottom);
    const digits = Math.max(0, Math.ceil(-Math.log10((right - left) / box.width)));
    return [x, y].map((value) => Number(value.toFixed(digits)));
  }

  /** Show the regions of a surface, and its minima. */
  showGround({ view, regions }, minima) {
    this.view = view;
    const [[left, bottom], [right, top]] = view;
    this.svg.setAttribute("viewBox", `${left} ${-top} ${right - left} ${top - bottom}`);
    const size = (right - left) / 110;
    const crosses = minima.map(([x, y]) => `M${x - size},${-y}h${2 * size}M${x},${-y - size}v${2 * size}`).join("");
    this.#ground.replaceChildren(
      ...regions.map(({ rings }) => drawn("path", { class: "region", "fill-rule": "evenodd", d: rings.map(outline).join("") })),
      drawn("path", { class: "minimum", d: crosses }),
    );
  }

  /** Show walks up to a step: {points, colour, name}. `pointed` is the name of one that is emphasised. */
  showWalks(walks, at, pointed) {
    this.#walks.classList.toggle("is-pointed", pointed !== null);
    const [[left, bottom], [right, top]] = this.view;
    const limit = (value, low, high) => Math.min(high + MARGIN * (high - low), Math.max(low - MARGIN * (high - low), value));
    const placed = ([x, y]) => `${limit(x, left, right)},${-limit(y, bottom, top)}`;
    this.#walks.replaceChildren(
      ...walks.flatMap(({ points, colour, name }) => {
        const walked = points.slice(0, at + 1);
        const looks = `run-${colour}${name === pointed ? " pointed" : ""}`;
        const head = `M${placed(walked.at(-1))}h0`;
        return [
          drawn("polyline", { class: `walk ${looks}`, points: walked.map(placed).join(" ") }),
          drawn("path", { class: "rim", d: head }),
          drawn("path", { class: `dot ${looks}`, d: head }),
        ];
      }),
    );
  }

  /** Show the start. */
  showStart([x, y]) {
    const d = `M${x},${-y}h0`;
    if (this.#start.childElementCount) for (const part of this.#start.children) part.setAttribute("d", d);
    else this.#start.append(...["start-rim", "start-dot", "start-grip"].map((name) => drawn("path", { class: name, d })));
  }
}

function outline(ring) {
  return `M${ring.map(([x, y]) => `${x},${-y}`).join("L")}Z`;
}
