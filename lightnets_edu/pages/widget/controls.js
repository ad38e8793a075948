// Controls: a label and one native input each; a slider has its value and two buttons beside it.
/** @import { ChoiceSpec, Control, Numbers, Setting, SliderSpec, ToggleSpec } from "./spec.js" */
import { make, makeId, setText } from "../script/dom.js";
import { divisors } from "./formulas.js";

/** @typedef {(value: Setting) => void} Change */
/** @typedef {{ row: HTMLElement, show: Change }} Row What stands in the widget, and how a value is shown there. */

/**
 * @param {Control} control
 * @param {Change} change What is called with a new value.
 * @param {() => Numbers} present The numbers by name, for a slider whose buttons go from divisor to divisor.
 * @returns {Row}
 */
export function makeControl(control, change, present) {
  const id = makeId("lightnets");
  const label = make("label", { for: id }, control.label);
  if (control.kind === "toggle") return makeToggle(control, id, label, change);
  if (control.kind === "choice") return makeChoice(control, id, label, change);
  return makeSlider(control, id, label, change, present);
}

/** @param {ToggleSpec} control @param {string} id @param {Element} label @param {Change} change @returns {Row} */
function makeToggle({ name }, id, label, change) {
  const input = make("input", { type: "checkbox", id, name });
  input.addEventListener("input", () => change(input.checked));
  const row = make("div", { class: "ln-control" }, label, make("span", { class: "ln-switch" }, input));
  return { row, show: (value) => input.checked = Boolean(value) };
}

/** @param {ChoiceSpec} control @param {string} id @param {Element} label @param {Change} change @returns {Row} */
function makeChoice({ name, options }, id, label, change) {
  const input = make("select", { id, name }, ...options.map(([value, text]) => make("option", { value }, text)));
  input.addEventListener("input", () => change(options[input.selectedIndex][0]));
  const row = make("div", { class: "ln-control" }, label, make("span", { class: "ln-switch" }, input));
  return { row, show: (value) => input.selectedIndex = options.findIndex(([known]) => known === value) };
}

/**
 * @param {SliderSpec} control @param {string} id @param {Element} label @param {Change} change
 * @param {() => Numbers} present @returns {Row}
 */
function makeSlider(control, id, label, change, present) {
  const { name, minimum, maximum, step, scale, unit } = control;
  const input = make("input", { type: "range", id, name, min: minimum, max: maximum, step, autocomplete: "off" });
  const shown = make("span");
  const unitShown = unit ? make("span", { class: "ln-unit" }, ` ${unit}`) : null;
  const output = make("output", { for: id, class: "ln-value" }, shown, unitShown);
  const onGrid = (/** @type {number} */ value) => Math.round(value * scale) / scale;
  const nudge = (/** @type {number} */ by) => {
    const next = nextValue(control, Number(input.value), by, present);
    if (next !== undefined) change(onGrid(next));
  };
  const button = (/** @type {string} */ text, /** @type {string} */ word, /** @type {number} */ by) => {
    const name = `${word} ${control.label.toLowerCase()}`;
    const element = make("button", { type: "button", class: "ln-nudge", "aria-label": name }, text);
    element.addEventListener("click", () => nudge(by));
    return element;
  };
  // A finger only meets values that will do; keys may meet any, and the sentence that says why it will not.
  let held = false;
  for (const [event, now] of /** @type {const} */ ([["pointerdown", true], ["pointerup", false], ["blur", false]])) {
    input.addEventListener(event, () => held = now);
  }
  input.addEventListener("input", () => {
    const value = onGrid(Number(input.value));
    change(held ? nearestValue(control, value, present) : value);
  });
  // Room for the longest value beside the label.
  const digits = Math.max(...[minimum, maximum, maximum - step].map((value) => String(onGrid(value)).length));
  const style = `--ln-longest: ${(1.05 * digits + (unit ? 0.75 * (unit.length + 1) : 0)).toFixed(1)}ch`;
  const [less, more] = [button("−", "Less", -step), button("+", "More", step)];
  const row = make("div", { class: "ln-control", style }, label, less, input, more, output);
  /** @param {Setting} value */
  const show = (value) => {
    if (Number(input.value) !== value) input.value = String(value);
    setText(shown, String(value));
    if (unit) input.setAttribute("aria-valuetext", `${value} ${unit}`);
  };
  return { row, show };
}

/**
 * The value itself, or the nearest number that divides others, if it should divide some.
 * @param {SliderSpec} control @param {number} value @param {() => Numbers} present
 */
function nearestValue(control, value, present) {
  if (!control.divides.length) return value;
  const values = present();
  const allowed = divisors(control.divides.map((name) => values[name]), control);
  return allowed.reduce(
    (best, one) => Math.abs(one - value) < Math.abs(best - value) ? one : best,
    allowed[0] ?? value,
  );
}

/**
 * Where a button leads: a step further, or to the next number that divides others, if there is one.
 * @param {SliderSpec} control @param {number} value @param {number} by @param {() => Numbers} present
 */
function nextValue(control, value, by, present) {
  if (!control.divides.length) return Math.min(control.maximum, Math.max(control.minimum, value + by));
  const values = present();
  const allowed = divisors(control.divides.map((name) => values[name]), control);
  return by > 0 ? allowed.find((divisor) => divisor > value) : allowed.findLast((divisor) => divisor < value);
}
