// What some seeds of a study say: means, intervals, verdicts and sentences, as records/verdicts.py computes them.
/** @import { Tree } from "../widget/spec.js" */
import { compile, fillMessage } from "../widget/formulas.js";

/** @typedef {[seed: number, value: number][]} Runs */
/** @typedef {{ mean: number, low: number, high: number } | { mean: number, low: null, high: null }} Interval */

/**
 * @typedef {object} Comparison
 * @property {string} a
 * @property {string} b
 * @property {string} measure
 * @property {string} kind
 * @property {number} smallest The smallest difference that would matter.
 * @property {boolean} higher Whether higher values are better.
 * @property {string[]} few The sentences for so few seeds that they cannot decide.
 * @property {string} enough The sentence for more.
 * @property {string[]} reasons One for each rule.
 * @property {number} digits
 */

/**
 * What is the same for all studies, from Python.
 * @typedef {object} Law
 * @property {[low: Tree, high: Tree]} ends
 * @property {Record<string, { holds: Tree, verdict: string }[]>} rules By the comparison's kind; the first that holds.
 */

/** @param {number[]} values One after the other, as Python adds them. */
const total = (values) => values.reduce((a, b) => a + b, 0);

/** @param {number[]} values */
const meanOf = (values) => total(values) / values.length;

/**
 * A number with so many decimals and separators; what lies in the middle becomes the even one, as in Python.
 * @param {number} value @param {number} digits
 */
export function decimals(value, digits) {
  const size = Math.abs(value);
  let text = size.toFixed(digits);
  // A double is a binary fraction, so all of its decimals can be written down.
  const middle = /^50*$/.test(size.toFixed(digits + 60).slice(digits ? text.length : text.length + 1));
  if (middle && Number(text[text.length - 1]) % 2) text = (size - 0.5 * 10 ** -digits).toFixed(digits);
  const [whole, rest] = text.split(".");
  const grouped = [whole.replace(/\B(?=(?:\d{3})+$)/g, ","), ...(rest ? [rest] : [])].join(".");
  return value < 0 ? `-${grouped}` : grouped;
}

/** A difference, with its sign. @param {number} value @param {number} digits */
function signed(value, digits) {
  const text = decimals(Math.abs(value), digits);
  return /[1-9]/.test(text) ? `${value < 0 ? "−" : "+"}${text}` : text;
}

/**
 * The mean and the 95 % interval of some values; without an interval where they are too few to have a quantile.
 * @param {number[]} values @param {Law["ends"]} ends @param {Record<string, number>} quantiles By the number of values.
 * @returns {Interval}
 */
export function intervalOf(values, ends, quantiles) {
  const mean = meanOf(values);
  const quantile = quantiles[values.length];
  if (quantile === undefined) return { mean, low: null, high: null };
  const squares = total(values.map((value) => (value - mean) * (value - mean)));
  const [low, high] = ends.map((end) => Number(compile(end)({ mean, squares, count: values.length, quantile })));
  return { mean, low, high };
}

/**
 * The verdict on a comparison and its sentence, from the seeds that both sides have.
 * @param {Comparison} comparison @param {Runs} a @param {Runs} b @param {Law} law @param {Record<string, number>} quantiles
 * @returns {{ verdict: string, sentence: string, seeds: number }}
 */
export function judgeRuns(comparison, a, b, law, quantiles) {
  const [ofA, ofB] = [new Map(a), new Map(b)];
  const seeds = [...ofA.keys()].filter((seed) => ofB.has(seed)).sort((one, other) => one - other);
  const [left, right] = [ofA, ofB].map((side) => seeds.map((seed) => Number(side.get(seed))));
  const { digits, few, enough, higher, kind, reasons, smallest } = comparison;
  const levels = { level_a: decimals(meanOf(left), digits), level_b: decimals(meanOf(right), digits) };
  const found = intervalOf(left.map((value, index) => value - right[index]), law.ends, quantiles);
  if (found.low === null) {
    return { verdict: "undecided", sentence: fillMessage(few[seeds.length], levels), seeds: seeds.length };
  }
  const { mean, low, high } = found;
  const oriented = higher ? { low, mean, high } : { low: -high, mean: -mean, high: -low };
  const rule = law.rules[kind].findIndex(({ holds }) => compile(holds)({ ...oriented, smallest }));
  const { verdict } = law.rules[kind][rule];
  const [difference, from, to] = [mean, low, high].map((value) => signed(value, digits + 1));
  const values = { ...levels, count: seeds.length, difference, low: from, high: to, reason: reasons[rule], verdict };
  return { verdict, sentence: fillMessage(enough, values), seeds: seeds.length };
}
