// A sheet of paper to draw on, or to put a photo on.

const INK = "#16191d";
const PAPER = "#ffffff";
const WIDTH = 0.075; // of the pen, as a share of the sheet: about the strokes of a letter

export class Paper {
  #context;
  #last = null;

  /** `changed(isDone)` is called while something is drawn, and once a stroke or photo is complete. */
  constructor(canvas, hint, changed) {
    Object.assign(this, { canvas, hint, changed });
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
    this.clear();
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#draw(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => this.#end());
  }

  clear() {
    this.photo = null;
    this.isEmpty = true;
    this.hint.hidden = false;
    this.#context.fillStyle = PAPER;
    this.#context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  #at({ offsetX, offsetY }) {
    const scale = this.canvas.width / this.canvas.clientWidth;
    return [offsetX * scale, offsetY * scale];
  }

  #begin(event) {
    if (this.photo) this.clear();
    this.canvas.setPointerCapture(event.pointerId);
    this.#last = this.#at(event);
    this.#draw(event);
  }

  #draw(event) {
    if (!this.#last) return;
    const context = this.#context;
    context.strokeStyle = INK;
    context.lineWidth = WIDTH * this.canvas.width;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...this.#last);
    for (const one of event.getCoalescedEvents?.() ?? []) context.lineTo(...this.#at(one));
    this.#last = this.#at(event);
    context.lineTo(...this.#last);
    context.stroke();
    this.isEmpty = false;
    this.hint.hidden = true;
    this.changed(false);
  }

  #end() {
    if (!this.#last) return;
    this.#last = null;
    this.changed(true);
  }

  /** Put a photo on the sheet. Throws if the file is no picture. */
  async put(file) {
    const bitmap = await createImageBitmap(file);
    this.clear();
    const { width, height } = this.canvas;
    const scale = Math.min(width / bitmap.width, height / bitmap.height);
    const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
    this.#context.drawImage(bitmap, (width - wide) / 2, (height - high) / 2, wide, high);
    this.photo = file;
    this.isEmpty = false;
    this.hint.hidden = true;
    this.changed(true);
  }

  /** The photo itself, or the drawing as a PNG. */
  content() {
    if (this.photo) return this.photo;
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }
}
