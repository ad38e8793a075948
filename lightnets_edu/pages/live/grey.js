// Numbers as small grey pictures.
import { make } from "../script/dom.js";

/** Grey pixels on a canvas of their own size. @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} pixels */
export function paint(canvas, pixels) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < pixels.length; i++) {
    image.data.fill(pixels[i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** @param {number} width @param {number} height */
export function makeCanvas(width, height) {
  return make("canvas", { width, height, class: "ln-look-pixels" });
}

/** Numbers as grey pixels: the least is black, the largest white. @param {ArrayLike<number>} numbers */
export function greys(numbers) {
  const list = Array.from(numbers);
  const [low, high] = [Math.min(...list), Math.max(...list)];
  return list.map((one) => high > low ? 255 * (one - low) / (high - low) : 0);
}
