// Which kernels does a network call on the graphics chip, in which order, on which buffers? Nothing runs here.
/** @import { Row } from "./worker.js" */
import { EACH } from "./gpu_kernels.js";

/**
 * A kernel, how many groups of threads run it, what it is told, and the numbers of the buffers that it reads (a map, a
 * second one or weights, biases) and writes.
 * @typedef {{ kernel: string, groups: [number, number, number], told: Record<string, number>, buffers: number[] }} Call
 */
/** The sizes of the buffers, what fills them once, and what every run does. @typedef {{ sizes: number[], fills: Call[], calls: Call[], result: { buffer: number, at: number, size: number } }} Plan */
/** A map: which value's numbers it is a part of, and from which one on. @typedef {{ shape: number[], owner: number, at: number }} Value */

const MOST_GROUPS = 32768; // in one direction; WebGPU gives 65535
const FARTHEST = 3.4e38; // WGSL promises no infinity
const NO_BUFFER = 0; // stands where a kernel reads nothing
// As in worker.js: the hash's place for an image, the bound of biases, and the activations.
const IMAGE_PLACE = 2 ** 31;
const BIASES = 0.1;
const ACTIVATIONS = [[-FARTHEST, FARTHEST], [0, FARTHEST], [0, 6]];

const product = (/** @type {number[]} */ shape) => shape.reduce((all, side) => all * side, 1);

/** So many threads, one for each number. @param {number} count @returns {[number, number, number]} */
function groupsFor(count) {
  const groups = Math.ceil(count / 64);
  return [Math.min(groups, MOST_GROUPS), Math.ceil(groups / MOST_GROUPS), 1];
}

/** @param {Row[]} rows @param {number[]} shape */
function describeMaps(rows, shape) {
  /** @type {Value[]} */
  const values = [{ shape, owner: 0, at: 0 }];
  rows.forEach(([op, [back], made, [first]], number) => {
    const { owner, at } = values[number + 1 - back];
    if (op === "slice") values.push({ shape: made, owner, at: at + first * made[1] * made[2] });
    else if (op === "reshape") values.push({ shape: made, owner, at });
    else values.push({ shape: made, owner: number + 1, at: 0 });
  });
  return values;
}

/**
 * The buffer of each map. One whose map nobody reads any more is given to a later map.
 * @param {Row[]} rows @param {Value[]} values @param {number[]} sizes Of the buffers; those of the maps are added.
 */
function placeMaps(rows, values, sizes) {
  const lastReader = values.map(() => -1);
  rows.forEach(([, inputs], at) => inputs.forEach((back) => lastReader[values[at + 1 - back].owner] = at));
  lastReader[0] = lastReader[values[rows.length].owner] = Infinity; // the image and the result stay
  /** @type {Map<number, number>} */
  const used = new Map();
  /** @type {number[]} */
  const free = [];
  return values.map(({ shape, owner }, value) => {
    let buffer = used.get(owner);
    if (buffer === undefined) {
      const size = product(shape);
      [buffer] = free.filter((one) => sizes[one] >= size).sort((a, b) => sizes[a] - sizes[b]);
      if (buffer !== undefined) free.splice(free.indexOf(buffer), 1);
      else buffer = sizes.push(size) - 1;
      used.set(owner, buffer);
    }
    for (const [other, unread] of used) {
      if (lastReader[other] >= value) continue; // the row after this map is number `value`
      used.delete(other);
      free.push(unread);
    }
    return buffer;
  });
}

/** Which kernel convolves. @param {Row} row @param {number[]} ins The shape of what it reads. */
function convolutionOf([op, , [outs, outHeight, outWidth], settings], [channels, height, width]) {
  if (op === "linear") return "linear";
  const [kernel, stride, padding, groups] = settings;
  if (groups === channels && groups > 1) return "depthwise";
  if (groups === 1 && kernel === 1 && outHeight * outWidth * height * width === 1 && outs <= MOST_GROUPS) {
    return "linear";
  }
  return kernel === 1 && stride === 1 && padding === 0 ? "pointwise" : "convolution";
}

/** @param {string} kernel @param {number[]} made @param {number} groups @returns {[number, number, number]} */
function groupsOf(kernel, [outs, height, width], groups) {
  if (kernel === "linear") return [outs, 1, 1];
  if (kernel === "depthwise") return [Math.ceil(width / 8), Math.ceil(height / 8), outs];
  return [Math.ceil(height * width / 32), Math.ceil(outs / groups / 32), groups];
}

/**
 * All of a network.
 * @param {Row[]} rows @param {number[]} shape Of the image.
 * @returns {Plan}
 * @throws {Error} If a row is an operation that is not known here.
 */
export function planNetwork(rows, shape) {
  const sizes = [4];
  const values = describeMaps(rows, shape);
  const maps = placeMaps(rows, values, sizes);
  /** @type {Call[]} */
  const fills = [];
  /** @type {Call[]} */
  const calls = [];
  let place = 0; // of the next weight

  /** @param {number} count @param {number} from @param {number} bound @param {number} y */
  const fill = (count, from, bound, y) => {
    const told = { outs: count, place: from, bound: bound / 2 ** 31 };
    fills.push({ kernel: "fill", groups: groupsFor(count), told, buffers: [NO_BUFFER, NO_BUFFER, NO_BUFFER, y] });
  };

  /** The buffers of weights and biases. @param {string} kernel @param {number} outs @param {number} depth @param {number} groups @param {boolean} biased */
  const addWeights = (kernel, outs, depth, groups, biased) => {
    const bound = kernel === "affine" ? 1 : Math.sqrt(6 / depth);
    const tiled = kernel === "pointwise" || kernel === "convolution";
    const size = tiled ? groups * depth * Math.ceil(outs / groups / 4) * 4 : outs * depth;
    const weights = sizes.push(size) - 1;
    if (tiled) {
      const told = { outs, channels: depth, groups, place, bound: bound / 2 ** 31 };
      const buffers = [NO_BUFFER, NO_BUFFER, NO_BUFFER, weights];
      fills.push({ kernel: "fill_tiles", groups: groupsFor(size), told, buffers });
    } else fill(size, place, bound, weights);
    place += outs * depth;
    const bias = sizes.push(outs) - 1; // zeros
    if (biased) {
      fill(outs, place, BIASES, bias);
      place += outs;
    }
    return [weights, bias];
  };

  fill(product(shape), IMAGE_PLACE, 1, maps[0]);
  rows.forEach((row, number) => {
    const [op, inputs, made, settings] = row;
    const [x, z] = inputs.map((back) => number + 1 - back);
    const [ins, own] = [values[x], values[number + 1]];
    const [channels, height, width] = ins.shape;
    const [outs, out_height, out_width] = made;
    const [low, high] = ["conv", "linear", "affine", "add", "gate"].includes(op)
      ? ACTIVATIONS[settings[settings.length - 1]]
      : ACTIVATIONS[0];
    const [kernel, stride, padding, groups] = op === "linear" ? [1, 1, 0, 1] : settings;
    const sides = { channels, height, width, outs, out_height, out_width };
    const told = { ...sides, kernel, stride, padding, low, high, x_at: ins.at, y_at: own.at };

    /** @param {string} what @param {Record<string, number>} [more] @param {number[]} [others] Buffers. */
    const each = (what, more = {}, others = [NO_BUFFER, NO_BUFFER]) =>
      calls.push({
        kernel: "each",
        groups: groupsFor(product(made)),
        told: { ...told, ...more, op: EACH.indexOf(what) },
        buffers: [maps[x], ...others, maps[number + 1]],
      });

    if (op === "conv" || op === "linear") {
      const chosen = convolutionOf(row, ins.shape);
      const biased = op === "linear" || settings[4] === 1;
      const own = addWeights(chosen, outs, channels / groups * kernel ** 2, groups, biased);
      const buffers = [maps[x], ...own, maps[number + 1]];
      calls.push({ kernel: chosen, groups: groupsOf(chosen, made, groups), told: { ...told, groups }, buffers });
    } else if (op === "affine") {
      if (settings[0]) each("affine", {}, addWeights("affine", outs, 1, 1, true));
      else each("activate");
    } else if (op === "add" || op === "gate") {
      const alike = product(values[z].shape) === product(made);
      each(op === "gate" ? "gate" : alike ? "add" : "shift", { z_at: values[z].at }, [maps[z], NO_BUFFER]);
    } else if (op === "sigmoid" || op === "hard_sigmoid") each(op);
    else if (op === "shuffle") each(op, { groups: settings[0] });
    else if (op === "response_norm") each(op, { alpha: settings[1], k: settings[2] });
    else if (op === "mean" || op === "max_pool" || op === "avg_pool") {
      /** @type {[number, number, number]} */
      const many = op === "mean" ? [channels, 1, 1] : [Math.ceil(out_width / 8), Math.ceil(out_height / 8), outs];
      calls.push({ kernel: op, groups: many, told, buffers: [maps[x], NO_BUFFER, NO_BUFFER, maps[number + 1]] });
    } else if (op === "cat") {
      let at = 0;
      for (const part of inputs.map((back) => number + 1 - back)) {
        const { shape: [outs], at: x_at } = values[part];
        const size = outs * out_height * out_width;
        const more = { outs, x_at, y_at: at, op: EACH.indexOf("activate") };
        const buffers = [maps[part], NO_BUFFER, NO_BUFFER, maps[number + 1]];
        calls.push({ kernel: "each", groups: groupsFor(size), told: { ...told, ...more }, buffers });
        at += size;
      }
    } else if (op !== "slice" && op !== "reshape") throw new Error(`The engine knows no operation ${op}.`);
  });
  const { shape: made, at } = values[rows.length];
  return { sizes, fills, calls, result: { buffer: maps[rows.length], at, size: product(made) } };
}
