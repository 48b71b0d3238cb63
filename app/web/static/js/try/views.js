// What a network sees, and what speaks for its answer, as pictures.

/** Draw values (channels, height, width) from 0 to 255. */
export function drawSeen(canvas, values) {
  const [red, green = red, blue = red] = values;
  paint(canvas, red, (y, x) => [red[y][x], green[y][x], blue[y][x]]);
}

/** Draw the saliency of a picture on a faded copy of it: orange speaks for the class, blue against it. */
export function drawSaliency(canvas, values, saliency) {
  const shares = sharesOf(saliency);
  paint(canvas, shares, (y, x) => {
    const faded = 208 + (values.reduce((sum, channel) => sum + channel[y][x], 0) / values.length - 128) / 4;
    return colourOf(shares[y][x]).map((part) => faded + Math.abs(shares[y][x]) * (part - faded));
  });
}

/** Draw the saliency alone: the weaker, the more transparent. */
export function drawOverlay(canvas, saliency) {
  const shares = sharesOf(saliency);
  paint(canvas, shares, (y, x) => [...colourOf(shares[y][x]), 255 * Math.abs(shares[y][x])]);
}

/** What each pixel speaks for the class, from −1 to 1. */
function sharesOf(saliency) {
  const sums = saliency[0].map((row, y) => row.map((_, x) => saliency.reduce((sum, channel) => sum + channel[y][x], 0)));
  const strengths = sums.flat().map(Math.abs).sort((a, b) => a - b);
  const strong = strengths[Math.floor(0.99 * (strengths.length - 1))] || 1; // so that one pixel does not hide the others
  return sums.map((row) => row.map((sum) => Math.min(1, Math.max(-1, sum / strong))));
} // prettier-ignore

const colourOf = (share) => (share > 0 ? [213, 94, 0] : [0, 114, 178]);

export function wipe(canvas) {
  canvas.width = canvas.height = 1;
}

function paint(canvas, rows, colourAt) {
  canvas.height = rows.length;
  canvas.width = rows[0].length;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  rows.forEach((row, y) => row.forEach((_, x) => picture.data.set([...colourAt(y, x), 255].slice(0, 4), 4 * (y * row.length + x))));
  context.putImageData(picture, 0, 0);
}
