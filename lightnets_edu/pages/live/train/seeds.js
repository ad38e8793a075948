// What several trainings say together, in words that are made from their numbers.

/** Per cent of the test's pictures that a network got right, seed after seed. @typedef {{ words: string, right: number[] }} Result */

/** A share as per cent with one decimal. @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** @param {number[]} values */
const meanOf = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;

/** From the least to the largest. @param {number[]} values */
const rangeOf = (values) => `${percent(Math.min(...values))} to ${percent(Math.max(...values))}`;

/** @param {number} points */
const signed = (points) => `${points < 0 ? "\u2212" : "+"}${Math.abs(points).toFixed(1)}`;

/**
 * Where each network ended, and whether the seeds agree on an order.
 * @param {Result[]} results All networks have the same seeds.
 */
export function sentencesOf(results) {
  const seeds = results[0].right.length;
  if (!seeds) return "";
  if (seeds === 1) {
    const each = results.map(({ words, right }) => `${words}: ${percent(right[0])}`).join("; ");
    return `With one seed: ${each}. Other first weights and another order of the pictures give other numbers, so this ` +
      "decides nothing yet. Train again: each training has another seed.";
  }
  const each = results.map(({ words, right }) => `${words}: ${percent(meanOf(right))} (${rangeOf(right)})`).join("; ");
  const [first, ...others] = results;
  const compared = others.map(({ words, right }) => {
    const points = right.map((one, seed) => 100 * (first.right[seed] - one));
    const [least, most] = [Math.min(...points), Math.max(...points)];
    const range = `${signed(least)} to ${signed(most)} points`;
    const agree = least > 0 || most < 0
      ? `it has the same sign with each of the ${seeds} seeds`
      : `the ${seeds} seeds do not agree on its sign, so they decide nothing`;
    const named = `“${first.words}” less “${words}”`;
    return `The difference, ${named}, is ${signed(meanOf(points))} points (${range}); ${agree}.`;
  });
  return `With ${seeds} seeds, mean and range: ${each}. ${compared.join(" ")}`;
}
