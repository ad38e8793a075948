// Axes: places for values, and round numbers to write beside them.

/** @typedef {(value: number) => number} Scale From one number to another, such as from values to pixels. */

/** @type {[size: number, letter: string][]} */
const LETTERS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/**
 * A function from values to pixels.
 * @param {number[]} ends The first and the last value, as the ruler gives them.
 * @param {number} from The pixel of the first.
 * @param {number} to The pixel of the last.
 * @param {Scale} ruler What distances show: the value itself, or its logarithm.
 * @returns {Scale}
 */
export function makeScale([low, high], from, to, ruler = (value) => value) {
  return (value) => from + ((ruler(value) - low) / (high - low)) * (to - from);
}

/**
 * Round numbers between two ends in equal steps, about as many as wanted at most.
 * @param {number} low @param {number} high @param {number} most
 */
export function equalSteps(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/**
 * Round numbers for a logarithmic axis: powers of ten, with their doubles and fives if there is room; equal steps where
 * the ends are so near that there are not two of these.
 * @param {number} low @param {number} high @param {number} most
 */
export function ratioSteps(low, high, most) {
  /** @type {number[]} */
  let found = [];
  for (const digits of [[1, 2, 5], [1, 3], [1]]) {
    found = powersOfTen(Math.floor(Math.log10(low)), Math.floor(Math.log10(high)))
      .flatMap((power) => digits.map((digit) => digit * power)).filter((tick) => tick >= low && tick <= high);
    if (found.length >= 2 && found.length <= most) return found;
  }
  if (found.length <= most) return equalSteps(low, high, most);
  const every = Math.ceil(found.length / most);
  return found.filter((_, index) => index % every === 0);
}

/** The powers of ten between two exponents. @param {number} low @param {number} high */
export function powersOfTen(low, high) {
  return Array.from({ length: Math.round(high - low) + 1 }, (_, index) => Number(`1e${low + index}`));
}

/** A number with so many digits that count, separators and a real minus sign. @param {number} value @param {number} digits */
export function round(value, digits) {
  return Number(value.toPrecision(digits)).toLocaleString("en-US", { maximumFractionDigits: 12 }).replace(/^-0$/, "0")
    .replace("-", "\u2212");
}

/** A short number for an axis: 0.5, 200, 3 k, 1.5 M, 2 G. @param {number} value @param {number} digits */
export function withLetter(value, digits) {
  const [size, letter] = LETTERS.find(([limit]) => Math.abs(value) >= limit * 0.999) ?? [1, ""];
  return `${round(value / size, digits)}${letter && ` ${letter}`}`;
}
