// One kernel of 3 x 3 numbers slides over a picture; all nine can be changed.
/** @import { Component } from "../../script/mount.js" */
import { round } from "../../script/axes.js";
import { make, setText } from "../../script/dom.js";
import { bytesOf, SIDE } from "./network.js";
import { makeCanvas, paint } from "../grey.js";
import { makePicture } from "./picture.js";

const CELLS = [0, 1, 2, 3, 4, 5, 6, 7, 8];
/** @type {[string, number[]][]} */
const PRESETS = [
  ["vertical edges", [-1, 0, 1, -1, 0, 1, -1, 0, 1]],
  ["horizontal edges", [-1, -1, -1, 0, 0, 0, 1, 1, 1]],
  ["outline", [-1, -1, -1, -1, 8, -1, -1, -1, -1]],
  ["blur", CELLS.map(() => 0.111)],
  ["sharpen", [0, -1, 0, -1, 5, -1, 0, -1, 0]],
  ["shift to the left", [0, 0, 0, 0, 0, 1, 0, 0, 0]],
  ["nothing changed", [0, 0, 0, 0, 1, 0, 0, 0, 0]],
];

/** The nine pixels that a kernel meets, zeros around the picture. @param {ArrayLike<number>} pixels @param {number} x @param {number} y */
export function patchAt(pixels, x, y) {
  return CELLS.map((cell) => {
    const [row, column] = [y + Math.floor(cell / 3) - 1, x + cell % 3 - 1];
    return row < 0 || column < 0 || row >= SIDE || column >= SIDE ? 0 : pixels[row * SIDE + column];
  });
}

/** @param {number[]} patch @param {number[]} kernel */
const sumOf = (patch, kernel) => patch.reduce((sum, pixel, i) => sum + pixel * kernel[i], 0);

/** A convolution with stride 1 and padding 1, as deep learning has it: the kernel is not turned around. @param {ArrayLike<number>} pixels @param {number[]} kernel */
export function convolve(pixels, kernel) {
  return Array.from({ length: SIDE ** 2 }, (_, i) => sumOf(patchAt(pixels, i % SIDE, Math.floor(i / SIDE)), kernel));
}

/** @type {Component["render"]} */
function render({ model, el }) {
  const { introduction, samples, classes } = model.get("spec");
  const host = /** @type {HTMLElement} */ (el.closest("[data-live]") ?? el);
  host.dataset.live = "kernel";
  host.setAttribute("aria-busy", "false");
  el.classList.add("ln-live");
  const status = make("p", { role: "status" });
  const bytes = bytesOf(samples);
  const pictures = /** @type {string[]} */ (classes).map((_, i) => bytes.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2));
  const inputs = CELLS.map((cell) => {
    const label = `row ${Math.floor(cell / 3) + 1}, column ${cell % 3 + 1}`;
    return make("input", {
      type: "text",
      inputmode: "decimal",
      "aria-label": label,
      name: `k${cell}`,
      autocomplete: "off",
    });
  });
  const select = make("select", { name: "preset", autocomplete: "off" });
  select.append(
    ...PRESETS.map(([name], i) => make("option", { value: i }, name)),
    make("option", { value: "" }, "my own"),
  );
  const made = makeCanvas(SIDE, SIDE);
  const help = "What the kernel makes of the picture. The arrow keys move to another pixel.";
  for (const [name, value] of Object.entries({ role: "application", tabindex: "0", "aria-label": help })) {
    made.setAttribute(name, value);
  }
  const cursor = make("span", { class: "ln-look-pixel", "aria-hidden": "true" });
  const sum = make("p", { class: "ln-live-words" });
  let kernel = PRESETS[0][1], place = [9, 14];

  const explain = () => {
    const patch = patchAt(pane.pixels, place[0], place[1]);
    const terms = patch.map((pixel, i) => `${pixel} × ${round(kernel[i], 3)}`.replace("-", "−")).join(" + ");
    const total = sumOf(patch, kernel);
    const number = make("span", { "data-output": "sum", "data-value": total }, round(total, 6).replace("-", "−"));
    sum.replaceChildren(`Pixel in row ${place[1] + 1}, column ${place[0] + 1}: ${terms} = `, number);
    cursor.style.left = `${100 * place[0] / SIDE}%`;
    cursor.style.top = `${100 * place[1] / SIDE}%`;
  };
  const show = () => {
    const numbers = convolve(pane.pixels, kernel);
    const most = Math.max(...numbers.map(Math.abs), 1);
    const signed = numbers.some((one) => one < 0);
    // Grey is zero where there are numbers below it, else black is.
    paint(made, numbers.map((one) => signed ? 127.5 + 127.5 * one / most : 255 * one / most));
    const words = signed
      ? "Black is the most negative sum, grey is 0, white the largest."
      : "Black is 0, white the largest sum.";
    setText(status, words);
    explain();
  };
  const read = () => {
    const numbers = inputs.map(({ value }) => Number(value.trim().replace("−", "-").replace(",", ".") || NaN));
    inputs.forEach((input, i) => input.setAttribute("aria-invalid", String(!Number.isFinite(numbers[i]))));
    const wrong = numbers.findIndex((number) => !Number.isFinite(number));
    if (wrong >= 0) {
      return setText(status, `“${inputs[wrong].value}” is no number: the kernel needs nine, such as −1 or 0.5.`);
    }
    kernel = numbers;
    show();
  };
  const choose = () => {
    if (select.value === "") return;
    kernel = PRESETS[Number(select.value)][1];
    inputs.forEach((input, i) => input.value = String(kernel[i]).replace("-", "−"));
    read();
  };
  const pane = makePicture(pictures, classes, (text) => setText(status, text), () => show());
  for (const input of inputs) {
    input.addEventListener("input", () => {
      select.value = "";
      read();
    });
  }
  select.addEventListener("change", choose);
  /** @param {number} x @param {number} y */
  const point = (x, y) => {
    place = [x, y].map((one) => Math.min(SIDE - 1, Math.max(0, Math.floor(one))));
    explain();
  };
  made.addEventListener("pointermove", (event) => {
    const { left, top, width, height } = made.getBoundingClientRect();
    point((event.clientX - left) / width * SIDE, (event.clientY - top) / height * SIDE);
  });
  /** @type {Record<string, [number, number]>} */
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  made.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    point(place[0] + move[0], place[1] + move[1]);
  });
  const grid = make("div", { class: "ln-look-kernel", role: "group", "aria-label": "The kernel" }, ...inputs);
  const middle = make("div", { class: "ln-look-middle" }, make("label", {}, make("span", {}, "Kernel"), select), grid);
  const result = make("div", { class: "ln-look-result" }, make("div", { class: "ln-look-board" }, made, cursor));
  el.append(make("p", {}, introduction), make("div", { class: "ln-look-top" }, pane.el, middle, result), status, sum);
  choose();
}

const kernelHere = { render };
export default kernelHere;
