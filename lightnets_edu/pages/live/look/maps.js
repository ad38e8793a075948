// What is inside: maps as pictures, filters between them, gates as sliders. A press switches a channel off.
/** @import { Layer } from "./network.js" */
import { round } from "../../script/axes.js";
import { make, setText } from "../../script/dom.js";
import { AT_ONCE, breathe } from "../beside.js";
import { greys, makeCanvas, paint } from "../grey.js";

/** One channel of a value. @param {Float32Array} value @param {number} channels @param {number} channel */
function channelOf(value, channels, channel) {
  const size = value.length / channels;
  return value.subarray(channel * size, (channel + 1) * size);
}

/**
 * @typedef {object} Inside
 * @property {number[][]} shapes Of all values of the network.
 * @property {(layer: Layer, channel: number) => ArrayLike<number>} filterOf
 * @property {(value: number, channel: number, number: number | undefined) => void} hold
 */
/**
 * What changes from run to run: all values, and what a channel is held at, if it is.
 * @typedef {{ values: Float32Array[], heldAt(value: number, channel: number): number | undefined }} Now
 */
/** @typedef {{ el: HTMLElement, update(now: Now): void }} Part */
/** All parts of a layer; an update ends early when it is no longer wanted. */
/** @typedef {{ el: HTMLElement, update(now: Now, wanted: () => boolean): Promise<void> }} Parts */

/** A canvas that shows one channel of a value. @param {number} value @param {number} channel @param {number[]} shape */
function makeMap(value, channel, [channels, height, width]) {
  const canvas = makeCanvas(width, height);
  return {
    canvas,
    /** Paint it; gives whether all of its numbers are equal. @param {Float32Array[]} values */
    update(values) {
      const numbers = channelOf(values[value], channels, channel);
      paint(canvas, greys(numbers));
      return numbers.every((one) => one === numbers[0]);
    },
  };
}

/** A map as a button, beside what it was made from. @param {Layer} layer @param {number} channel @param {Inside} inside @returns {Part} */
function makeButton(layer, channel, { shapes, filterOf, hold }) {
  const { value, kind, from } = layer;
  const map = makeMap(value, channel, shapes[value]);
  const source = kind === "filters" ? makeMap(from, channel, shapes[from]) : null;
  const el = make("button", { type: "button", "data-channel": channel });
  if (source) {
    const filter = filterOf(layer, channel), side = Math.sqrt(filter.length);
    const canvas = makeCanvas(side, side);
    canvas.classList.add("ln-look-filter");
    paint(canvas, greys(filter));
    el.append(source.canvas, canvas);
  }
  el.append(map.canvas);
  el.addEventListener("click", () => hold(value, channel, el.ariaPressed === "true" ? undefined : 0));
  return {
    el,
    update({ values, heldAt }) {
      source?.update(values);
      const silent = map.update(values), off = heldAt(value, channel) !== undefined;
      el.classList.toggle("ln-look-silent", silent);
      el.ariaPressed = String(off);
      el.ariaLabel = el.title = `map ${channel + 1}${off ? ", switched off" : silent ? ", silent" : ""}`;
    },
  };
}

/** A gate as a slider, beside the map that it multiplies. @param {Layer} layer @param {number} channel @param {Inside} inside @returns {Part} */
function makeGate({ value, from }, channel, { shapes, hold }) {
  const map = makeMap(from, channel, shapes[from]);
  const name = `gate ${channel + 1}`;
  const input = make("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 0.01,
    "data-channel": channel,
    "aria-label": name,
  });
  const text = make("span", { "data-output": "gate" });
  input.addEventListener("input", () => hold(value, channel, Number(input.value)));
  const el = make("label", {}, map.canvas, input, text);
  return {
    el,
    update({ values, heldAt }) {
      map.update(values);
      const gate = values[value][channel];
      if (document.activeElement !== input) input.value = String(gate);
      setText(text, round(gate, 2));
      text.dataset.value = String(gate);
      el.classList.toggle("ln-look-held", heldAt(value, channel) !== undefined);
    },
  };
}

/** The pictures of one layer, made when they are painted first. @param {Layer} layer @param {Inside} inside @returns {Parts} */
export function makeLayer(layer, inside) {
  const [channels] = inside.shapes[layer.value];
  const makePart = layer.kind === "gates" ? makeGate : makeButton;
  /** @type {Part[]} */
  const parts = [];
  const el = make("div", { class: `ln-look-${layer.kind}`, role: "group", "aria-label": layer.words });
  /** Some layers have a thousand maps, so it goes piece by piece. @type {Parts["update"]} */
  const update = async (now, wanted) => {
    let last = performance.now();
    for (let channel = 0; channel < channels; channel++) {
      if (performance.now() - last > AT_ONCE) {
        await breathe();
        if (!wanted()) return;
        last = performance.now();
      }
      if (channel === parts.length) {
        parts.push(makePart(layer, channel, inside));
        el.append(parts[channel].el);
      }
      parts[channel].update(now);
    }
  };
  return { el, update };
}
