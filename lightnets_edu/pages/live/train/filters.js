// The filters of the first layer, painted as they form.
import { make } from "../../script/dom.js";
import { greys, makeCanvas, paint } from "../grey.js";

/** A line of small pictures for each network. @param {string[]} words What the networks are. */
export function makeFilters(words) {
  const lines = words.map(() => make("div", { class: "ln-train-filters" }));
  const el = make("div", { hidden: "" }, make("p", { class: "ln-live-words" }, "The filters of each first layer:"));
  words.forEach((text, i) => {
    lines[i].setAttribute("role", "img");
    lines[i].setAttribute("aria-label", `The first filters of the ${text}`);
    el.append(make("p", { class: "ln-train-name" }, text), lines[i]);
  });
  return {
    el,
    /** @param {number} which @param {Float32Array} filters All of a network, one after the other, 3 × 3 each. */
    show(which, filters) {
      el.hidden = false;
      const size = 9, count = filters.length / size;
      while (lines[which].children.length < count) lines[which].append(makeCanvas(3, 3));
      [...lines[which].children].forEach((canvas, i) => {
        paint(/** @type {HTMLCanvasElement} */ (canvas), greys(filters.subarray(i * size, (i + 1) * size)));
      });
    },
  };
}
