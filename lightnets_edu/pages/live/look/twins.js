// Could a small kernel make one map of another? Least squares say how well, for every pair of a layer's maps.

import { AT_ONCE } from "../beside.js";

const CELLS = 9; // of a kernel of 3 x 3; a constant is added to what it makes

/** @typedef {{ source: number, target: number, kernel: Float64Array, r2: number }} Twin */

/**
 * A map and its eight neighbours, zeros around it, and ones: what a kernel and a constant are multiplied with.
 * @param {Float32Array} map @param {number} width
 */
function shifted(map, width) {
  const height = map.length / width;
  const found = Array.from({ length: CELLS + 1 }, () => new Float32Array(map.length));
  for (let cell = 0; cell < CELLS; cell++) {
    const [down, right] = [Math.floor(cell / 3) - 1, cell % 3 - 1];
    for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++) {
      for (let x = Math.max(0, -right); x < Math.min(width, width - right); x++) {
        found[cell][y * width + x] = map[(y + down) * width + x + right];
      }
    }
  }
  found[CELLS].fill(1);
  return found;
}

/** @param {Float32Array} a @param {Float32Array} b */
function product(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/**
 * The lower triangle L of a symmetric matrix L L', row by row; what depends on others by rounding alone gets no part.
 * @param {Float64Array[]} matrix
 */
function cholesky(matrix) {
  const rows = matrix.map((row) => Float64Array.from(row));
  const found = rows.map(() => new Float64Array(rows.length));
  rows.forEach((row, i) => {
    for (let j = 0; j <= i; j++) {
      let rest = row[j];
      for (let k = 0; k < j; k++) rest -= found[i][k] * found[j][k];
      if (i === j) found[i][i] = rest > 1e-7 * row[i] ? Math.sqrt(rest) : 0;
      else found[i][j] = found[j][j] ? rest / found[j][j] : 0;
    }
  });
  return found;
}

/** Solve L L' x = b. @param {Float64Array[]} lower @param {Float64Array} b */
function solve(lower, b) {
  const x = Float64Array.from(b);
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k];
    x[i] = lower[i][i] ? x[i] / lower[i][i] : 0;
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] -= lower[k][i] * x[k];
    x[i] = lower[i][i] ? x[i] / lower[i][i] : 0;
  }
  return x;
}

/**
 * For each map of a layer the other one that a 3 x 3 kernel makes it from best, in this picture.
 * @param {Float32Array} maps All maps, one after the other. @param {number} channels @param {number} width
 * @param {(done: number) => Promise<boolean>} pause So the page gets time; it may say to stop.
 * @returns {Promise<Twin[]>} Best first; maps that are the same everywhere have none.
 */
export const findTwins = async (maps, channels, width, pause) => {
  const size = maps.length / channels;
  const list = Array.from({ length: channels }, (_, channel) => maps.subarray(channel * size, (channel + 1) * size));
  const means = list.map((map) => map.reduce((sum, one) => sum + one, 0) / size);
  const spreads = list.map((map, i) => map.reduce((sum, one) => sum + (one - means[i]) ** 2, 0));
  /** @type {(Twin | undefined)[]} */
  const best = list.map(() => undefined);
  let last = performance.now();
  const rest = async (/** @type {number} */ done) => {
    const stop = await pause(done);
    last = performance.now();
    return stop;
  };
  for (const [source, map] of list.entries()) {
    if (spreads[source] > 0) {
      const columns = shifted(map, width);
      const squares = [];
      for (const column of columns) {
        squares.push(Float64Array.from(columns, (other) => product(column, other)));
        if (performance.now() - last > AT_ONCE && await rest(source)) return [];
      }
      const lower = cholesky(squares);
      for (const [target, wanted] of list.entries()) {
        if (performance.now() - last > AT_ONCE && await rest(source)) return [];
        if (target === source || !(spreads[target] > 0)) continue;
        const sums = Float64Array.from(columns, (column) => product(column, wanted));
        const kernel = solve(lower, sums);
        // Of least squares: what is explained is the product of solution and sums.
        const explained = kernel.reduce((sum, one, i) => sum + one * sums[i], 0) - size * means[target] ** 2;
        const r2 = explained / spreads[target];
        if (r2 > (best[target]?.r2 ?? -Infinity)) best[target] = { source, target, kernel: kernel.slice(0, CELLS), r2 };
      }
    }
    if (performance.now() - last > AT_ONCE && await rest(source + 1)) return [];
  }
  return best.filter((one) => one !== undefined).sort((a, b) => b.r2 - a.r2);
};
