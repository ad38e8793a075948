// What a chart of two numbers a row says: which rows nothing beats, and how alike two orders are.

/**
 * The items that no other beats: none is at least as good everywhere and better somewhere.
 * @template T
 * @param {T[]} items
 * @param {(item: T) => number[]} costs What is better when it is lower.
 */
export function paretoFront(items, costs) {
  const all = items.map(costs);
  const beats = (/** @type {number[]} */ a, /** @type {number[]} */ b) =>
    a.every((cost, i) => cost <= b[i]) && a.some((cost, i) => cost < b[i]);
  return items.filter((_, i) => !all.some((other) => beats(other, all[i])));
}

/** Places in the order, from 1; equal values share the mean of theirs. @param {number[]} values */
function ranks(values) {
  return values.map((value) => {
    const [below, equal] = [values.filter((other) => other < value), values.filter((other) => other === value)];
    return 1 + below.length + (equal.length - 1) / 2;
  });
}

/**
 * Spearman's rank correlation, or null where there is no order to compare.
 * @param {number[]} first @param {number[]} second
 */
export function rankCorrelation(first, second) {
  if (first.length < 3) return null;
  const [a, b] = [ranks(first), ranks(second)];
  const mean = (a.length + 1) / 2;
  const products = (/** @type {number[]} */ p, /** @type {number[]} */ q) =>
    p.reduce((total, rank, i) => total + (rank - mean) * (q[i] - mean), 0);
  const spread = Math.sqrt(products(a, a) * products(b, b));
  return spread ? products(a, b) / spread : null;
}
