// The filters of the first layer, painted as they form.
import { make } from "../../script/dom.js";
import { greys, makeCanvas, paint } from "../grey.js";

/** A line of small pictures for each network. @param {{ words: string, kernel: number }[]} networks */
export function makeFilters(networks) {
  const lines = networks.map(() => make("div", { class: "ln-train-filters" }));
  const el = make("div", { hidden: "" }, make("p", { class: "ln-live-words" }, "The filters of each first layer:"));
  networks.forEach(({ words }, i) => {
    lines[i].setAttribute("role", "img");
    lines[i].setAttribute("aria-label", `First filters, ${words}`);
    el.append(make("p", { class: "ln-train-name" }, words), lines[i]);
  });
  return {
    el,
    /** @param {number} which @param {Float32Array} filters All of a network, one after the other. */
    show(which, filters) {
      el.hidden = false;
      const { kernel } = networks[which], size = kernel ** 2, count = filters.length / size;
      while (lines[which].children.length < count) lines[which].append(makeCanvas(kernel, kernel));
      [...lines[which].children].forEach((canvas, i) => {
        paint(/** @type {HTMLCanvasElement} */ (canvas), greys(filters.subarray(i * size, (i + 1) * size)));
      });
    },
  };
}
