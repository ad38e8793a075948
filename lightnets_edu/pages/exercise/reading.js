// Numbers as readers write them, and how far they are from the right one; reading.py does the same.
/** @import { Grammar, Values } from "./expressions.js" */
import { evaluate, normalise, NotRead } from "./expressions.js";

/**
 * What judging.py and reading.py share with this page.
 *
 * @typedef {object} Shared
 * @property {Record<string, string>} sentences
 * @property {Grammar} grammar
 * @property {[limit: number, words: string][]} near
 * @property {number} far
 * @property {number} longest
 * @property {string} about A pattern.
 * @property {string} words A pattern.
 * @property {string} bare A pattern.
 * @property {Record<string, string[]>} aliases
 * @property {Record<string, number>} prefixes The power of ten of each.
 * @property {Record<string, number>[]} measures
 */

/** @param {string} sentence @param {Record<string, string>} values */
export const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** @param {string} text @param {string} unit @param {Shared} shared */
export const withUnit = (text, unit, { bare }) => unit && new RegExp(bare, "i").test(text) ? `${text} ${unit}` : text;

/**
 * The power of ten by which a written unit differs from the one that is asked for; null if it does not fit.
 * @param {string} written @param {string} unit @param {Shared} shared
 */
function unitPower(written, unit, { aliases, prefixes, measures }) {
  const [found, wanted] = [written.toLowerCase().replace("μ", "µ"), unit.toLowerCase()];
  for (const measure of measures) {
    if (Object.hasOwn(measure, wanted) && Object.hasOwn(measure, found)) return measure[found] - measure[wanted];
  }
  const others = Object.hasOwn(aliases, wanted) ? aliases[wanted] : null;
  const names = wanted ? [wanted, wanted.replace(/s$/, ""), ...(others ?? [])] : [];
  if (!found || names.includes(found)) return 0;
  const prefixed = names.slice(0, 2).includes(found.slice(1).trim()) && !others;
  return prefixed && Object.hasOwn(prefixes, found[0]) ? prefixes[found[0]] : null;
}

/** @param {string} text @param {string} reading @param {string} unit @param {Shared} shared */
function read(text, reading, unit, shared) {
  const [value, rest] = evaluate(text, reading, null, shared.grammar);
  const power = unitPower(rest, unit, shared);
  if (power === null) {
    throw new NotRead(!new RegExp(shared.words).test(rest) ? "unreadable" : unit ? "unit" : "no_unit", rest);
  }
  return power >= 0 ? value * 10 ** power : value / 10 ** -power;
}

/**
 * The numbers that a text can mean: one, or two where a comma may group digits or be the decimal comma.
 * @param {string} written @param {string} unit @param {Shared} shared
 */
export function readText(written, unit, shared) {
  if ([...written].length > shared.longest) throw new NotRead("unreadable");
  const plain = normalise(written, shared.grammar).replace(new RegExp(shared.about, "i"), "");
  const first = read(plain, "groups", unit, shared);
  const second = read(plain, "decimals", unit, shared);
  return first === second ? [first] : [first, second];
}

/** The value of an expression of named numbers. @param {string} text @param {Values} values @param {Shared} shared */
export function readFormula(text, values, shared) {
  if ([...text].length > shared.longest) throw new NotRead("unreadable");
  const [value, rest] = evaluate(normalise(text, shared.grammar), "formula", values, shared.grammar);
  if (rest) throw new NotRead("unreadable", rest);
  return value;
}

/**
 * In words, too roughly to give the right number away.
 * @param {number} got @param {number} expected @param {Shared} shared
 */
export function howFar(got, expected, { near, far }) {
  const direction = got > expected ? "too large" : "too small";
  if (got * expected <= 0) return direction;
  const ratio = got / expected < 1 ? 1 / (got / expected) : got / expected;
  const words = near.find(([limit]) => ratio < limit);
  if (words) return `${direction} ${words[1]}`;
  if (ratio >= far) return `${direction} by a factor of 1,000 or more`;
  const step = ratio < 9.5 ? 1 : ratio < 95 ? 10 : 100;
  return `${direction} by a factor of about ${Math.floor(ratio / step + 0.5) * step}`;
}
