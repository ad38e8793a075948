// Where a network runs: the choice between the processor and the graphics chip, and the script for the latter.
/** @import { Place } from "./cells.js" */
/** @import { CheckedGpuEngine } from "./gpu_check.js" */
import { make, setText } from "../script/dom.js";
import { EngineError, StoppedError } from "./beside.js";
import { Engine } from "./engine.js";

const SCRIPT = "lightnets-graphics.js";
const NO_GPU = "This browser offers no WebGPU here, so networks cannot be timed on the graphics chip.";
const NO_CHIP = "This browser gives pages no graphics chip, so networks can be timed on the processor only.";
const STAND_IN = "What this browser offers as a graphics chip is a program that runs on the processor.";
const UNTRIED = "This was tried with programs that stand in for a graphics chip, and not yet with a real one.";
/** In Jupyter the second script is a part of the first. @type {{ lightnetsGraphics?: { CheckedGpuEngine: typeof CheckedGpuEngine } }} */
const shelf = /** @type {any} */ (globalThis);
const own = /** @type {HTMLScriptElement | null} */ (document.currentScript)?.src; // of this script, while it is read

/** @type {[value: string, words: string, places: Place[]][]} */
const CHOICES = [
  ["processor", "on the processor", ["processor"]],
  ["graphics", "on the graphics chip", ["graphics"]],
  ["both", "on both", ["processor", "graphics"]],
];

/** An engine on the graphics chip; a page loads it now. @returns {Promise<CheckedGpuEngine>} */
export const makeGraphicsEngine = async () => {
  if (!shelf.lightnetsGraphics) {
    const script = make("script", { src: new URL(SCRIPT, own ?? location.href).href });
    await new Promise((resolve, reject) => {
      script.onload = resolve;
      script.onerror = () =>
        reject(new EngineError(`The graphics chip's engine could not be loaded: the file ${SCRIPT} is not there.`));
      document.head.append(script);
    });
  }
  if (!shelf.lightnetsGraphics) throw new EngineError(`The file ${SCRIPT} does not hold the graphics chip's engine.`);
  return new shelf.lightnetsGraphics.CheckedGpuEngine(new Engine(), { EngineError, StoppedError });
};

/** A choice of places; where there is no WebGPU, a sentence. @param {number} kilobytes Of the second script. */
export function makePlaces(kilobytes) {
  const words = make("p", { class: "ln-live-words" });
  const inputs = CHOICES.map(([value]) => make("input", { type: "radio", name: "place", value, autocomplete: "off" }));
  inputs[0].checked = true;
  const labels = inputs.map((input, at) => make("label", {}, input, make("span", {}, CHOICES[at][1])));
  const fieldset = make("fieldset", {}, make("legend", {}, "Where they run"));
  fieldset.append(make("div", { class: "ln-live-buttons" }, ...labels));
  const el = make("div", { class: "ln-live-places" }, fieldset, words);
  fieldset.hidden = true;
  const look = async () => {
    const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
    fieldset.hidden = !adapter;
    if (!adapter) return setText(words, navigator.gpu ? NO_CHIP : NO_GPU);
    const load = shelf.lightnetsGraphics ? "" : `The engine for the graphics chip is another ${kilobytes} kB. `;
    setText(words, `${load}${adapter.info.isFallbackAdapter ? STAND_IN : UNTRIED}`);
  };
  const chosen = () => CHOICES[Math.max(0, inputs.findIndex(({ checked }) => checked))][2];
  return { el, fieldset, ready: look(), chosen };
}
