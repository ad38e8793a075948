// Numbers as readers write them, and how far they are from the right one; reading.py does the same.

/**
 * What judging.py and reading.py share with this page.
 *
 * @typedef {object} Shared
 * @property {Record<string, string>} sentences
 * @property {string} number A pattern.
 * @property {Record<string, number>} suffixes The power of ten of each.
 * @property {[limit: number, words: string][]} near
 * @property {number} far
 */

/** @param {string} sentence @param {Record<string, string>} values */
export const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** @param {string} text @param {string} unit */
export function withUnit(text, unit) {
  return !unit || text.toLowerCase().endsWith(unit.toLowerCase()) ? text : `${text} ${unit}`;
}

/** @param {number} value @param {number} expected @param {number} tolerance */
export const isNear = (value, expected, tolerance) => Math.abs(value - expected) <= tolerance * Math.abs(expected);

/** @param {string} text @param {Shared} shared */
function readPlain(text, { number, suffixes }) {
  const match = new RegExp(number, "i").exec(text.trim());
  if (!match) return NaN;
  const [, sign, digits, power, suffix] = match;
  return Number(`${sign}${digits.replace(/[,_ ]/g, "")}e${Number(power ?? 0) + suffixes[suffix.toLowerCase()]}`);
}

/** The number in a text, or NaN. @param {string} written @param {string} unit @param {Shared} shared */
export function readText(written, unit, shared) {
  let text = written.replace(/[\u00a0\u2009\u202f]/g, " ").replace(/−/g, "-").trim();
  if (unit && text.toLowerCase().endsWith(unit.toLowerCase())) text = text.slice(0, -unit.length).trim();
  const [top, ...bottom] = text.split("/");
  const value = readPlain(top, shared) / (bottom.length ? readPlain(bottom.join("/"), shared) : 1);
  return Number.isFinite(value) ? value : NaN;
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
