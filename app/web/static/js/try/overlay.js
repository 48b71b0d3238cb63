// What speaks for an answer, over the drawing itself.

import { drawOverlay, wipe } from "./views.js";

export class Overlay {
  /** An overlay on `canvas`, above the sheet of `paper`; `strength` is the slider of how much it hides of the drawing. */
  constructor(canvas, paper, strength) {
    Object.assign(this, { canvas, paper });
    const fade = () => (canvas.style.opacity = strength.valueAsNumber / 100);
    strength.addEventListener("input", fade);
    fade();
  }

  clear() {
    wipe(this.canvas);
    this.canvas.hidden = true;
  }

  /** Show the saliency (channels, height, width) of what the network has seen of the sheet, with this margin if cropped. */
  show(saliency, margin) {
    const part = seenPart(this.paper, margin, saliency[0][0].length / saliency[0].length);
    this.canvas.hidden = part === null;
    if (part === null) return;
    drawOverlay(this.canvas, saliency);
    for (const [name, share] of Object.entries(part)) this.canvas.style[name] = `${100 * share}%`;
  }
}

/**
 * The part of the sheet that a network with inputs of this proportion sees, in shares of the sheet: all of it, or the ink
 * with a margin as app/datasets/images/ink.py crops it. Null for a photo whose ink only the service has found.
 */
function seenPart({ ink, photo }, margin, proportion) {
  if (photo && (margin !== null || proportion !== 1)) return null;
  const { left, top, right, bottom } = margin === null ? { left: 0, top: 0, right: 1, bottom: 1 } : ink;
  const width = Math.max(right - left, (bottom - top) * proportion) * (1 + 2 * (margin ?? 0));
  const height = width / proportion;
  return { left: (left + right - width) / 2, top: (top + bottom - height) / 2, width, height };
}
