// Nearest twins, joined by a line with the kernel between them.
/** @import { Busy } from "./look.js" */
/** @import { Twin } from "./twins.js" */
import { round } from "../../script/axes.js";
import { make, setText } from "../../script/dom.js";
import { greys, makeCanvas, paint } from "../grey.js";
import { findTwins } from "./twins.js";

const SHOWN = 12;
const CLOSE = 0.9; // an R² from which on a kernel and one map stand for the other

/** @param {ArrayLike<number>} numbers @param {number} width */
function makePixels(numbers, width) {
  const canvas = makeCanvas(width, numbers.length / width);
  paint(canvas, greys(numbers));
  return canvas;
}

/** What a layer's twins say, in a sentence. @param {Twin[]} twins @param {number} channels */
export function describeTwins(twins, channels) {
  const close = twins.filter(({ r2 }) => r2 >= CLOSE).length;
  return `Of ${channels} maps ${close} can be made from another one by a 3 × 3 kernel with an R² of at least ${CLOSE} in ` +
    `this picture${twins.length ? `; the best R² is ${round(twins[0].r2, 3)}` : ""}.`;
}

/**
 * A button, and what it finds.
 * @param {Busy} busy The whole is busy meanwhile.
 * @param {() => { maps: Float32Array, shape: number[] }} layer The one that the reader looks at.
 */
export function makeTwins(busy, layer) {
  const start = make("button", { type: "button", "data-action": "twins" }, "Find twins among these maps");
  const stop = make("button", { type: "button", "data-action": "stop", hidden: "" }, "Stop");
  const bar = make("progress", { "aria-label": "How many maps are compared", value: 0, hidden: "" });
  const said = make("p", { role: "status" });
  const list = make("ul", { class: "ln-look-twins" });
  let stopped = false;

  /** @param {boolean} working */
  const setWorking = (working) => {
    start.hidden = working;
    stop.hidden = bar.hidden = !working;
  };
  const find = async () => {
    const { maps, shape: [channels, , width] } = layer();
    stopped = false;
    setWorking(true);
    stop.focus();
    bar.max = channels;
    const twins = await findTwins(maps, channels, width, async (done) => {
      bar.value = done;
      await new Promise((resolve) => setTimeout(resolve));
      return stopped;
    });
    setWorking(false);
    start.focus();
    if (stopped) return setText(said, "Stopped: the maps were not compared to the end.");
    setText(said, describeTwins(twins, channels));
    const channelOf = (/** @type {number} */ i) =>
      maps.subarray(i * maps.length / channels, (i + 1) * maps.length / channels);
    list.replaceChildren(
      ...twins.slice(0, SHOWN).map(({ source, target, kernel, r2 }) => {
        const filter = makePixels(kernel, 3);
        filter.classList.add("ln-look-filter");
        const number = make(
          "span",
          { "data-output": "r2", "data-value": r2 },
          `map ${source + 1} → map ${target + 1}, R² ${round(r2, 3)}`,
        );
        const pair = { "data-live-row": "", "data-block": `${source} ${target}` };
        const joined = make("span", { class: "ln-look-joined" }, filter);
        return make(
          "li",
          pair,
          makePixels(channelOf(source), width),
          joined,
          makePixels(channelOf(target), width),
          number,
        );
      }),
    );
  };
  start.addEventListener("click", () => busy(find));
  stop.addEventListener("click", () => stopped = true);
  return make(
    "div",
    { class: "ln-live-layer" },
    make("div", { class: "ln-live-buttons" }, start, stop),
    bar,
    said,
    list,
  );
}
