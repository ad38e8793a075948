// The picture that the network sees: drawn, chosen, dropped, or one that comes with the page.
import { make, setText } from "../../script/dom.js";
import { makeCanvas, paint } from "../grey.js";
import { takeDropped } from "../kept.js";
import { SIDE } from "./network.js";

const BORDER = 0.5; // a picture whose border is lighter than this is turned into its negative: clothes are light on black

/** The middle square of a file's picture as grey pixels. @type {(file: Blob) => Promise<Uint8Array>} */
const readPicture = async (file) => {
  const bitmap = await createImageBitmap(file);
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = makeCanvas(SIDE, SIDE);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const pixels = Uint8Array.from({ length: SIDE ** 2 }, (_, i) => {
    const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
    return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  });
  const border = pixels.filter((_, i) => i < SIDE || i >= SIDE * (SIDE - 1) || i % SIDE === 0 || i % SIDE === SIDE - 1);
  const light = border.reduce((sum, one) => sum + one, 0) / border.length / 255 > BORDER;
  return light ? pixels.map((pixel) => 255 - pixel) : pixels;
};

/**
 * Where a reader makes a picture.
 * @param {Uint8Array[]} samples @param {string[]} classes @param {(text: string) => void} say
 * @param {() => void} changed
 */
export function makePicture(samples, classes, say, changed) {
  const pixels = Uint8Array.from(samples[0]);
  const canvas = makeCanvas(SIDE, SIDE);
  canvas.classList.add("ln-look-drawn");
  const help =
    "The picture, 28 × 28 pixels. Draw with the pointer, or move with the arrow keys and paint with the space bar.";
  for (const [name, value] of Object.entries({ role: "application", tabindex: "0", "aria-label": help })) {
    canvas.setAttribute(name, value);
  }
  const cursor = make("span", { class: "ln-look-cursor", "aria-hidden": "true" });
  const board = make("div", { class: "ln-look-board" }, canvas, cursor);
  let place = [SIDE / 2, SIDE / 2];

  const show = () => {
    paint(canvas, pixels);
    changed();
  };
  /** @param {ArrayLike<number>} others */
  const take = (others) => {
    pixels.set(others);
    show();
  };
  /** A soft spot of light, three pixels wide. @param {number} x @param {number} y */
  const dab = (x, y) => {
    for (let row = Math.max(0, Math.floor(y) - 2); row <= Math.min(SIDE - 1, Math.floor(y) + 2); row++) {
      for (let column = Math.max(0, Math.floor(x) - 2); column <= Math.min(SIDE - 1, Math.floor(x) + 2); column++) {
        const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const light = 255 * Math.min(1, Math.max(0, 2 - distance));
        pixels[row * SIDE + column] = Math.max(pixels[row * SIDE + column], light);
      }
    }
    show();
  };
  /** @param {PointerEvent} event */
  const draw = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    dab((event.clientX - left) / width * SIDE, (event.clientY - top) / height * SIDE);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    draw(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && draw(event));
  /** @type {Record<string, [number, number]>} */
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] };
  canvas.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    place = place.map((one, i) => Math.min(SIDE - 1, Math.max(0, one + move[i])));
    cursor.style.left = `${100 * (place[0] + 0.5) / SIDE}%`;
    cursor.style.top = `${100 * (place[1] + 0.5) / SIDE}%`;
    if (event.key === " ") dab(place[0] + 0.5, place[1] + 0.5);
  });

  /** @param {File} file */
  const open = async (file) => {
    try {
      take(await readPicture(file));
      say("Your picture is made of 28 × 28 grey pixels now. It has not left this page.");
    } catch {
      say(`${file.name} is no picture that this browser can read.`);
    }
  };
  const clear = make("button", { type: "button", "data-action": "clear" }, "Empty picture");
  clear.addEventListener("click", () => take(new Uint8Array(SIDE ** 2)));
  const file = make("input", { type: "file", accept: "image/*" });
  file.addEventListener("change", () => file.files?.[0] && open(file.files[0]));
  const chooser = make("label", {}, make("span", {}, "Or a picture of your own"), file);
  const shelf = make("div", { class: "ln-look-shelf", role: "group", "aria-label": "Pictures to choose" });
  samples.forEach((sample, i) => {
    const small = makeCanvas(SIDE, SIDE);
    paint(small, sample);
    const button = make("button", { type: "button", "aria-label": classes[i], title: classes[i] }, small);
    button.addEventListener("click", () => take(sample));
    shelf.append(button);
  });
  const el = make(
    "div",
    { class: "ln-look-picture" },
    board,
    shelf,
    make("div", { class: "ln-live-buttons" }, clear, chooser),
  );
  takeDropped(el, open);
  paint(canvas, pixels);
  setText(cursor, "");
  return { el, pixels };
}
