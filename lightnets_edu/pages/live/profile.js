// What can this device do? A few dozen single layers are timed, and from them the page predicts whole networks.
/** @import { Timed, Timing } from "./clock.js" */
/** @import { Row } from "./worker.js" */

/**
 * What a layer's time is made of, by its kind: amounts, each of which costs so many milliseconds. They follow what the
 * kernels do (kernels.c): a matrix product computes whole tiles of 4 x 8 and first copies the windows of the map, a
 * depthwise convolution computes four pixels at a time in a copy of each map, a linear layer reads its weights once.
 * @typedef {{ kind: Kind, amounts: number[] }} Work
 */
/** @typedef {"product" | "depthwise" | "linear" | "other"} Kind */
/** Milliseconds for one of each amount, by kind. @typedef {Record<Kind, number[]>} Costs */
/** @typedef {{ costs: Costs, peaks: Record<string, number>, bandwidth: number, start: number }} Profile */
/** A single layer that is timed. @typedef {Timed & { label: string, macs: number, bytes: number }} Probe */

const TILE = [4, 8];
const BYTES = 4;
const TURNS = 5000; // of the fit: amounts resemble each other, so it comes near slowly

const count = (/** @type {number[]} */ shape) => shape.reduce((product, side) => product * side, 1);
const up = (/** @type {number} */ value, /** @type {number} */ step) => Math.ceil(value / step) * step;

/**
 * What a row does, or null if it does nothing.
 * @param {Row} row @param {number[][]} shapes Of what it reads.
 * @returns {Work | null}
 */
export function workOf([op, , made, settings], shapes) {
  const [[ins, height, width]] = shapes;
  const [outs, outHeight, outWidth] = made;
  const pixels = outHeight * outWidth;
  if (op === "slice" || op === "reshape") return null;
  if (op === "linear" || (op === "conv" && settings[3] === 1 && height * width === 1)) {
    return { kind: "linear", amounts: [ins * up(outs, 4), 1] };
  }
  if (op === "conv") {
    const [kernel, stride, , groups] = settings;
    if (groups === ins && groups > 1) {
      const steps = outs * outHeight * up(outWidth, 4) * kernel ** 2;
      return {
        kind: "depthwise",
        amounts: [stride === 1 ? steps : 0, stride === 1 ? 0 : steps, count(shapes[0]), outs, 1],
      };
    }
    const depth = ins / groups * kernel ** 2;
    const tiles = groups * up(outs / groups, TILE[0]) * up(pixels, TILE[1]);
    const windows = groups * depth * pixels;
    const copied = kernel === 1 && stride === 1;
    return { kind: "product", amounts: [tiles * depth, copied ? windows : 0, copied ? 0 : windows, tiles, groups] };
  }
  const read = shapes.reduce((sum, shape) => sum + count(shape), 0);
  const window = op.endsWith("pool") ? settings[0] ** 2 * count(made) : 0;
  const slow = op.endsWith("sigmoid") || op === "response_norm" ? count(made) * (settings[0] ?? 1) : 0;
  return { kind: "other", amounts: [read + count(made), window, slow, 1] };
}

/** Each row of a network with the shapes that it reads. @param {Row[]} rows @param {number[]} shape Of the image. */
function worksOf(rows, shape) {
  const shapes = [shape, ...rows.map(([, , made]) => made)];
  return rows.map((row, at) => workOf(row, row[1].map((back) => shapes[at + 1 - back]))).filter((work) =>
    work !== null
  );
}

/** Milliseconds for a network. @param {Row[]} rows @param {number[]} shape @param {Costs} costs */
export function predict(rows, shape, costs) {
  const products = worksOf(rows, shape).map(({ kind, amounts }) =>
    amounts.reduce((sum, amount, i) => sum + amount * costs[kind][i], 0)
  );
  return products.reduce((sum, one) => sum + one, 0);
}

// --- Probes ----------------------------------------------------------------------------------------------------------

/**
 * A row, so many times one after the other where one alone is too short for a page's clock.
 * @param {string} label @param {Row} row @param {number[]} shape @param {{ macs?: number, copies?: number }} [more]
 * @returns {Probe}
 */
function probe(label, row, shape, { macs = 0, copies = 1 } = {}) {
  const [, inputs, made] = row;
  const bytes = BYTES * (inputs.length * count(shape) + count(made));
  const name = [label, shape.join(" × "), made.join(" × "), ...row[3]].join(", ");
  return { name, label, rows: Array.from({ length: copies }, () => row), shape, macs, bytes };
}

/**
 * @param {string} label @param {number} ins @param {number} outs @param {number} side @param {number} kernel
 * @param {number} [stride] @param {number} [groups]
 */
function convolution(label, ins, outs, side, kernel, stride = 1, groups = 1) {
  const made = [outs, Math.ceil(side / stride), Math.ceil(side / stride)];
  const macs = count(made) * ins / groups * kernel ** 2;
  return probe(label, ["conv", [1], made, [kernel, stride, (kernel - 1) / 2, groups, 1, 1]], [ins, side, side], {
    macs,
  });
}

// Layers as networks have them: wide maps with few channels, small ones with many. Channels in and out, side of the map;
// of depthwise ones channels, side, kernel, stride.
const POINTWISE = [[16, 64, 112], [64, 24, 56], [128, 128, 28], [40, 240, 28], [256, 256, 14], [480, 112, 14], [
  960,
  160,
  7,
], [512, 512, 7]];
const STANDARD = [[32, 32, 56], [64, 64, 28], [128, 128, 14], [16, 64, 55]];
const DEPTHWISE = [
  [32, 112, 3, 1],
  [96, 112, 3, 2],
  [144, 56, 3, 1],
  [240, 28, 5, 1],
  [72, 56, 5, 2],
  [512, 14, 3, 1],
  [
    480,
    14,
    5,
    1,
  ],
  [960, 7, 5, 1],
  [256, 14, 3, 2],
];

/** @returns {Probe[]} */
export function makeProbes() {
  const add = (/** @type {number[]} */ shape, copies = 1) =>
    probe("sum", ["add", [1, 1], shape, [0]], shape, { copies });
  return [
    ...POINTWISE.map(([ins, outs, side]) => convolution("pointwise", ins, outs, side, 1)),
    ...STANDARD.map(([ins, outs, side]) => convolution("standard", ins, outs, side, 3)),
    convolution("standard", 3, 32, 224, 3, 2),
    convolution("standard", 3, 64, 224, 7, 2),
    convolution("grouped", 240, 240, 28, 1, 1, 3),
    convolution("grouped", 128, 128, 28, 3, 1, 32),
    ...DEPTHWISE.map(([channels, side, kernel, stride]) =>
      convolution("depthwise", channels, channels, side, kernel, stride, channels)
    ),
    ...[[1024, 1000], [512, 1000]].map(([ins, outs]) =>
      probe("linear", ["linear", [1], [outs, 1, 1], [0]], [ins, 1, 1], { macs: ins * outs })
    ),
    probe("gates' layer", ["linear", [1], [64, 1, 1], [0]], [64, 1, 1], { copies: 20 }),
    add([64, 56, 56]),
    add([256, 14, 14], 8),
    add([4, 1, 1], 400),
    probe("max pool", ["max_pool", [1], [64, 56, 56], [3, 2, 1]], [64, 112, 112]),
    probe("max pool", ["max_pool", [1], [256, 13, 13], [3, 2, 0]], [256, 27, 27]),
    probe("mean", ["mean", [1], [512, 1, 1], []], [512, 7, 7]),
    probe("shuffle", ["shuffle", [1], [116, 28, 28], [2]], [116, 28, 28], { copies: 8 }),
    probe("sigmoid", ["hard_sigmoid", [1], [256, 1, 1], []], [256, 1, 1], { copies: 40 }),
  ];
}

// --- From times to costs ---------------------------------------------------------------------------------------------

/**
 * Costs, none below zero, that explain times with the least relative error: least squares, one cost at a time, again
 * and again. The sums over the times are made once, so that thousands of turns take a few milliseconds.
 * @param {number[][]} amounts One list a time. @param {number[]} times
 */
export function fitCosts(amounts, times) {
  const shares = amounts.map((list, i) => list.map((amount) => amount / times[i]));
  const totals = amounts[0].map((_, j) => shares.reduce((sum, list) => sum + list[j], 0));
  const products = totals.map((_, j) => totals.map((_, k) => shares.reduce((sum, list) => sum + list[j] * list[k], 0)));
  const costs = totals.map(() => 0);
  for (let turn = 0; turn < TURNS; turn++) {
    for (let j = 0; j < costs.length; j++) {
      if (!products[j][j]) continue; // no layer has any of it
      let unexplained = totals[j];
      for (let k = 0; k < costs.length; k++) unexplained -= products[j][k] * costs[k];
      costs[j] = Math.max(0, costs[j] + unexplained / products[j][j]);
    }
  }
  return costs;
}

/**
 * The device from the probes' times.
 * @param {Probe[]} probes @param {Record<string, Timing>} times By the probes' names. @returns {Profile}
 */
export function makeProfile(probes, times) {
  const timed = probes.filter(({ name }) => times[name]?.milliseconds > 0);
  // One row of each: copies take so many times as long.
  const each = timed.map((one) => ({
    ...one,
    milliseconds: times[one.name].milliseconds / one.rows.length,
    work: /** @type {Work} */ (workOf(one.rows[0], one.rows[0][1].map(() => one.shape))),
  }));
  const kinds = /** @type {Kind[]} */ (["product", "depthwise", "linear", "other"]);
  const costs = /** @type {Costs} */ (Object.fromEntries(kinds.map((kind) => {
    const own = each.filter(({ work }) => work.kind === kind);
    return [kind, fitCosts(own.map(({ work }) => work.amounts), own.map(({ milliseconds }) => milliseconds))];
  })));
  /** @type {Record<string, number>} */
  const peaks = {};
  for (const { label, macs, milliseconds } of each) {
    if (macs) peaks[label] = Math.max(peaks[label] ?? 0, macs / milliseconds * 1000);
  }
  const sums = each.filter(({ label }) => label === "sum");
  const bandwidth = Math.max(...sums.map(({ bytes, milliseconds }) => bytes / milliseconds * 1000));
  return { costs, peaks, bandwidth, start: Math.min(...sums.map(({ milliseconds }) => milliseconds)) };
}
