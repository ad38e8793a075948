// Pictures, which follow the numbers and say in a sentence what they show. Each kind of picture is a maker.
/** @import { Data, Numbers, Outputs, Picture, PictureKind, Settings, Spec } from "./spec.js" */
import { make, setText } from "../script/dom.js";
import { makeConnectivity } from "./matrix.js";
import { makeRoofline } from "./roofline.js";
import { makeShuffle } from "./shuffle.js";
import { makeSliding } from "./sliding.js";
import { makeSweep } from "./sweep.js";

/** @typedef {{ values: Numbers, settings: Settings, data: Data }} State */
/** @typedef {(name: string) => number} Read Gives a number by its name; a slider's as its reader sees it. */

/**
 * @typedef {object} Drawing
 * @property {SVGElement} drawing What carries the sentence.
 * @property {Element[]} parts
 * @property {(read: Read, state: State) => string} draw Follows the numbers, and returns the sentence.
 */

/** @typedef {(uses: string[], spec: Spec, outputs: Outputs) => Drawing} Maker Gets the names that the picture uses. */

/** @type {Record<PictureKind, Maker>} */
const MAKERS = {
  connectivity: makeConnectivity,
  sliding: makeSliding,
  shuffle: makeShuffle,
  roofline: makeRoofline,
  sweep: makeSweep,
};

/** @param {Picture} picture @param {Spec} spec @param {Outputs} outputs */
export function makePicture({ kind, uses }, spec, outputs) {
  const { drawing, parts, draw } = MAKERS[kind](uses, spec, outputs);
  const caption = make("figcaption");
  const figure = make("figure", { class: `ln-picture ln-${kind}` }, ...parts, caption);
  const scales = Object.fromEntries(
    spec.controls.map((control) => [control.name, "scale" in control ? control.scale : 1]),
  );
  /** @type {State | null} */
  let state = null;
  let possible = false;
  const sentence = () => {
    if (!state) return "No picture: this setting is not possible.";
    const { values } = state;
    const shown = draw((name) => values[name] / (scales[name] ?? 1), state);
    return possible ? shown : `The last possible setting: ${shown}`;
  };
  const follow = () => {
    const text = sentence();
    drawing.setAttribute("aria-label", text);
    setText(caption, text);
  };
  /** Show a state, or that the setting is not possible. @param {State | null} next */
  const show = (next) => {
    state = next ?? state;
    possible = next !== null;
    follow();
  };
  // Some pictures show less where there is little room.
  let width = 0;
  new ResizeObserver(([{ contentRect }]) => {
    if (width !== (width = contentRect.width)) follow();
  }).observe(figure);
  return { figure, show };
}
