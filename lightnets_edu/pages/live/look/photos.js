// Photographs for a network that takes colours: some that come with it, or the reader's own.
/** @import { Photo } from "./network.js" */
import { make, setText } from "../../script/dom.js";
import { takeDropped } from "../kept.js";
import { bytesOf } from "./network.js";
import { makeCanvas } from "../grey.js";

/**
 * Where a reader chooses a photograph.
 * @param {Photo[]} photos @param {number} side Of the square that the network takes.
 * @param {(text: string) => void} say @param {() => void} changed
 */
export const makePhotos = async (photos, side, say, changed) => {
  const pixels = new Float32Array(3 * side ** 2);
  const canvas = makeCanvas(side, side);
  canvas.setAttribute("role", "img");
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const credit = make("p", { class: "ln-live-words" });

  /** The middle square of a picture. @param {Blob} file @param {string} words */
  const take = async (file, words) => {
    const bitmap = await createImageBitmap(file);
    const square = Math.min(bitmap.width, bitmap.height);
    context.imageSmoothingQuality = "high";
    const [left, top] = [(bitmap.width - square) / 2, (bitmap.height - square) / 2];
    context.drawImage(bitmap, left, top, square, square, 0, 0, side, side);
    const { data } = context.getImageData(0, 0, side, side);
    for (let i = 0; i < side ** 2; i++) {
      for (let channel = 0; channel < 3; channel++) pixels[channel * side ** 2 + i] = data[4 * i + channel];
    }
    canvas.setAttribute("aria-label", words);
    setText(credit, words);
  };
  /** @param {File} file */
  const open = async (file) => {
    try {
      await take(file, `${file.name}, which has not left this page`);
    } catch {
      return say(`${file.name} is no picture that this browser can read.`);
    }
    changed();
  };
  const input = make("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", () => input.files?.[0] && open(input.files[0]));
  const chooser = make("label", {}, make("span", {}, "Or a picture of your own"), input);
  const shelf = make("div", { class: "ln-look-shelf", role: "group", "aria-label": "Pictures to choose" });
  const blobs = photos.map(({ jpeg }) => new Blob([bytesOf(jpeg)], { type: "image/jpeg" }));
  for (const [i, { name, credit: by }] of photos.entries()) {
    const words = `${name}: ${by}`;
    const small = makeCanvas(side / 4, side / 4);
    small.getContext("2d")?.drawImage(await createImageBitmap(blobs[i]), 0, 0, side / 4, side / 4);
    const button = make("button", { type: "button", "aria-label": name, title: words }, small);
    button.addEventListener("click", () => take(blobs[i], words).then(changed));
    shelf.append(button);
  }
  const board = make("div", { class: "ln-look-board" }, canvas);
  const el = make(
    "div",
    { class: "ln-look-picture" },
    board,
    credit,
    shelf,
    make("div", { class: "ln-live-buttons" }, chooser),
  );
  takeDropped(el, open);
  await take(blobs[0], `${photos[0].name}: ${photos[0].credit}`);
  return { el, pixels };
};
