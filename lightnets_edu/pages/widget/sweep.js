// Outputs over the whole range of one slider, the other controls as they are.
/** @import { Scale } from "../script/axes.js" */
/** @import { Maker } from "./pictures.js" */
/** @import { Numbers, Outputs, ShownOutput, SliderSpec } from "./spec.js" */
import { equalSteps, makeScale, withLetter } from "../script/axes.js";
import { make, makeSvg } from "../script/dom.js";
import { CHART, chartLabel, drawAxes, makeChart } from "./chart.js";
import { compileSpec, divisors } from "./formulas.js";

/** @typedef {{ place: number, values: Numbers | null }} Sample A setting of the slider; null if it is not possible. */
/** @typedef {{ place: number, values: Numbers }} Point */

const MOST_SAMPLES = 64;

/** @type {Maker} */
export function makeSweep([controlName, ...names], spec, byName) {
  const control = /** @type {SliderSpec} */ (spec.controls.find(({ name }) => name === controlName));
  const outputs = names.map((name) => byName[name]);
  const evaluate = compileSpec(spec, names);
  const drawing = makeChart();
  return {
    drawing,
    parts: outputs.length === 1 ? [drawing] : [drawing, makeLegend(outputs)],
    draw: (_, { settings, data, values }) => {
      const { stride, places } = sweepPlaces(control, values);
      const samples = places.map((place) => {
        const result = evaluate({ ...settings, [controlName]: place }, data);
        return { place, values: result.broken ? null : result.values };
      });
      const present = { place: Number(settings[controlName]), values };
      drawing.replaceChildren(...drawSweep(control, outputs, samples, present));
      return sweepSentence(control, outputs, samples, present, stride);
    },
  };
}

/** @param {ShownOutput[]} outputs */
function makeLegend(outputs) {
  const entries = outputs.map(({ label }, index) => {
    const line = makeSvg("path", { class: `ln-line ln-line-${index}`, d: "M1 5H33" });
    return make("span", {}, makeSvg("svg", { viewBox: "0 0 34 10", "aria-hidden": "true" }, line), label);
  });
  return make("p", { class: "ln-legend" }, ...entries);
}

/**
 * Settings of the slider, all on its grid: every one if there are few, else each 2nd, 4th, 8th ... from the present
 * one (even distances, so that a check on divisors does not refuse most of them), with both ends. Of a slider that
 * should divide other numbers, the divisors.
 * @param {SliderSpec} control @param {Numbers} values
 */
export function sweepPlaces(control, values) {
  const { name, minimum, maximum, step, scale } = control;
  const inOrder = (/** @type {number[]} */ numbers) => [...new Set(numbers)].sort((a, b) => a - b);
  if (control.divides.length) {
    const found = divisors(control.divides.map((other) => values[other]), control);
    return { stride: 1, places: inOrder([...found, values[name]]) };
  }
  const [low, by] = [Math.round(minimum * scale), Math.round(step * scale)];
  const last = Math.round((Math.round(maximum * scale) - low) / by);
  let stride = 1;
  while (stride === 1 ? last >= MOST_SAMPLES : last / stride > MOST_SAMPLES - 3) stride *= 2;
  const present = Math.round((values[name] - low) / by);
  const indices = [0, last];
  for (let index = present % stride; index <= last; index += stride) indices.push(index);
  return { stride, places: inOrder(indices).map((index) => (low + index * by) / scale) };
}

/** @param {Sample} sample @returns {sample is Point} */
const isPossible = (sample) => sample.values !== null;

/**
 * @param {SliderSpec} control @param {ShownOutput[]} outputs @param {Sample[]} samples @param {Point} present
 * @param {number} stride
 */
function sweepSentence(control, outputs, samples, present, stride) {
  const possible = samples.filter(isPossible);
  const [first, last] = [possible[0], possible[possible.length - 1]];
  const told = outputs.map(({ name, label, unit, number }) => {
    const [low, high, now] = [first, last, present].map(({ values }) => inUnit(number.format(values[name]), unit));
    const here = inUnit(present.place, control.unit);
    return `“${label}” is ${low} at ${first.place}, ${high} at ${last.place}, and ${now} at the present ${here}`;
  });
  const some = stride > 1 ? ` Drawn through every ${stride}${stride === 2 ? "nd" : "th"} setting.` : "";
  const gaps = possible.length < samples.length ? " Where the curve has gaps, the setting is not possible." : "";
  const dots = control.divides.length ? " Dots are the settings that divide without a remainder." : "";
  return `Over “${control.label}”: ${told.join("; ")}.${some}${gaps}${dots}`;
}

/** @param {string | number} value @param {string} unit */
const inUnit = (value, unit) => (unit ? `${value} ${unit}` : value);

/** A name with its unit, for an axis. @param {{ label: string, unit: string }} named */
const withUnit = ({ label, unit }) => (unit ? `${label} in ${unit}` : label);

/**
 * The slider's axis: equal steps, or doublings where it should divide other numbers.
 * @param {SliderSpec} control
 * @param {number[]} places All that are drawn.
 */
function makeAcross(control, places) {
  const { left, right } = CHART;
  const { minimum, maximum } = control;
  const name = withUnit(control);
  if (!control.divides.length) {
    return { at: makeScale([minimum, maximum], left, right), ticks: equalSteps(minimum, maximum, 6), name };
  }
  const high = Math.log2(Math.max(2, ...places));
  const ticks = Array.from({ length: Math.floor(high) + 1 }, (_, power) => 2 ** power);
  return { at: makeScale([0, high], left, right, Math.log2), ticks, name };
}

/**
 * The outputs' axis, which begins at zero or below.
 * @param {ShownOutput[]} outputs
 * @param {number[]} numbers All that are drawn.
 */
function makeUp(outputs, numbers) {
  const lowest = Math.min(0, ...numbers);
  const tallest = Math.max(...numbers) > lowest ? Math.max(...numbers) : lowest + 1;
  const ticks = equalSteps(lowest, tallest, 5);
  const highest = Math.max(tallest, ticks[ticks.length - 1]);
  const name = outputs.length === 1 ? withUnit(outputs[0]) : outputs[0].unit;
  return { at: makeScale([lowest, highest], CHART.bottom, CHART.top), ticks, name };
}

/** @param {SliderSpec} control @param {ShownOutput[]} outputs @param {Sample[]} samples @param {Point} present */
function drawSweep(control, outputs, samples, present) {
  const possible = samples.filter(isPossible);
  const numbers = [...possible, present].flatMap(({ values }) => outputs.map(({ name }) => values[name]));
  const across = makeAcross(control, [...samples, present].map(({ place }) => place));
  const up = makeUp(outputs, numbers);
  const x = across.at(present.place);
  const dot = (/** @type {string} */ kind, /** @type {Point} */ { place, values }, /** @type {number} */ r) =>
    outputs.map(({ name }) => makeSvg("circle", { class: kind, cx: across.at(place), cy: up.at(values[name]), r }));
  const labels = outputs.map(({ name, number }) => ({
    y: up.at(present.values[name]) - 7,
    text: number.format(present.values[name]),
  }));
  // Where a curve rises there is room at the upper left of its points.
  const [first, last] = [possible[0], possible[possible.length - 1]].map(({ values }) => values[outputs[0].name]);
  return [
    ...drawAxes(across, up, (tick) => withLetter(tick, 3)),
    makeSvg("path", { class: "ln-guide", d: `M${x} ${CHART.top}V${CHART.bottom}` }),
    ...outputs.map(({ name }, index) => {
      const d = sweepPath(samples, name, across.at, up.at);
      return makeSvg("path", { class: `ln-line ln-line-${index}`, d });
    }),
    ...(control.divides.length ? possible : []).flatMap((point) => dot("ln-dot", point, 2.5)),
    ...dot("ln-point", present, 5),
    ...apart(labels).map(({ y, text }) => chartLabel(x, y, text, first < last)),
  ];
}

/**
 * A line through the samples, with a gap where one is missing; a sample between two gaps is a dot.
 * @param {Sample[]} samples @param {string} name @param {Scale} across @param {Scale} up
 */
function sweepPath(samples, name, across, up) {
  let pen = "M";
  return samples.map(({ place, values }) => {
    if (!values) {
      pen = "M";
      return "";
    }
    const point = `${across(place).toFixed(1)} ${up(values[name]).toFixed(1)}`;
    const drawn = pen === "M" ? `M${point}h0` : `L${point}`;
    pen = "L";
    return drawn;
  }).join("");
}

/**
 * Labels from the bottom up, moved so that none covers another or leaves the chart.
 * @param {{ y: number, text: string }[]} labels
 */
function apart(labels) {
  const line = 14;
  let lowest = CHART.bottom - 6;
  return [...labels].sort((a, b) => b.y - a.y).map(({ y, text }, index) => {
    const free = Math.min(lowest, Math.max(y, CHART.top + line * (labels.length - index)));
    lowest = free - line;
    return { y: free, text };
  });
}
