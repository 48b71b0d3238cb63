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
    this.ink = null; // where something is drawn, in shares of the sheet: {left, top, right, bottom}
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
    context.fillStyle = context.strokeStyle = INK;
    context.lineWidth = WIDTH * this.canvas.width;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...this.#last);
    const way = [...(event.getCoalescedEvents?.() ?? []), event].map((each) => this.#at(each));
    for (const point of way) context.lineTo(...point);
    context.stroke();
    context.beginPath(); // a line without length is not drawn by every browser
    context.arc(...way.at(-1), context.lineWidth / 2, 0, 2 * Math.PI);
    context.fill();
    this.#last = way.at(-1);
    this.#extend(way);
    this.isEmpty = false;
    this.hint.hidden = true;
    this.changed(false);
  }

  #extend(way) {
    const shares = (axis, size) => way.map((point) => point[axis] / size);
    const [x, y] = [shares(0, this.canvas.width), shares(1, this.canvas.height)];
    const before = this.ink ?? { left: 1, top: 1, right: 0, bottom: 0 };
    this.ink = {
      left: Math.max(0, Math.min(before.left, ...x.map((at) => at - WIDTH / 2))),
      top: Math.max(0, Math.min(before.top, ...y.map((at) => at - WIDTH / 2))),
      right: Math.min(1, Math.max(before.right, ...x.map((at) => at + WIDTH / 2))),
      bottom: Math.min(1, Math.max(before.bottom, ...y.map((at) => at + WIDTH / 2))),
    };
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
