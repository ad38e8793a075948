// How does a network learn? Forward, backward and a step, row after row, in a worker.
/** @import { Order, Row, Scope } from "../worker.js" */

/** @typedef {{ at: number, size: number }} Numbers In the kernels' memory. */
/** A value of the network for a whole batch, with its gradient. @typedef {{ shape: number[], at: number, gradient: number }} Value */
/** A parameter: its numbers, their gradient, and the velocity of the descent. @typedef {{ at: number, gradient: number, velocity: number, size: number }} Parameter */
/** @typedef {{ forward(training: boolean): void, backward(): void }} Step */
/** @typedef {{ momentum: number, decay: number, smoothing: number }} Recipe */

/**
 * The trainer. It is one function, because its own text becomes the worker (see ../worker.js).
 * @param {Scope} scope The worker itself.
 */
export function trainingWorker(scope) {
  const BYTES = 4, ROOM = 16;
  const MOMENTUM = 0.1, EPSILON = 1e-5; // PyTorch's, of running statistics
  const HIGHEST = [Infinity, Infinity, 6]; // of no activation, ReLU, ReLU6

  /** The exports of training.c. @type {Record<string, (...numbers: number[]) => void>} */
  let kernels;
  /** @type {WebAssembly.Memory} */
  let memory;
  let start = 0, top = 0;
  let images = 0;
  /** @type {Value[]} */
  let values = [];
  /** @type {Step[]} */
  let steps = [];
  /** @type {Parameter[]} */
  let parameters = [];
  /** Running statistics of batch norms. @type {Numbers[]} */
  let buffers = [];
  /** All gradients of values, to be cleared before each step. @type {Numbers[]} */
  let cleared = [];
  let labels = new Int32Array(0);

  const count = (/** @type {number[]} */ shape) => shape.reduce((product, side) => product * side, 1);
  const numbers = () => new Float32Array(memory.buffer);
  const allocate = (/** @type {number} */ size) => {
    const at = top;
    top += BYTES * (Math.ceil(size / ROOM) * ROOM + ROOM);
    return at;
  };
  const view = (/** @type {number} */ at, /** @type {number} */ size) => numbers().subarray(at / BYTES, at / BYTES + size);

  /** @param {number} size @returns {Parameter} */
  const makeParameter = (size) => {
    const [at, gradient, velocity] = [allocate(size), allocate(size), allocate(size)];
    const made = { at, gradient, velocity, size };
    parameters.push(made);
    return made;
  };

  /** A value with room of its own. @param {number[]} shape @returns {Value} */
  const makeValue = (shape) => {
    const size = images * count(shape);
    const made = { shape, at: allocate(size), gradient: allocate(size) };
    cleared.push({ at: made.gradient, size });
    return made;
  };

  /** What a row makes: numbers of its own, or a part of what it reads. @param {Row} row @param {Value} read @returns {Value} */
  const makeResult = ([op, , shape, [first]], read) => {
    const [channels, height, width] = read.shape;
    if (op === "reshape" && height * width > 1) throw new Error("Training knows no flattened maps: pool them first.");
    if (op === "reshape") return { ...read, shape };
    if (op !== "slice") return makeValue(shape);
    const skipped = BYTES * first * images * height * width;
    if (first + shape[0] > channels) throw new Error(`A part of ${shape[0]} channels does not fit into ${channels}.`);
    return { shape, at: read.at + skipped, gradient: read.gradient + skipped };
  };

  /**
   * One row, forward and backward.
   * @param {Row} row @param {Value[]} read @param {Value} made @param {boolean} first Whether it reads the images, whose gradient nobody wants.
   * @returns {Step}
   */
  const makeStep = ([op, , , settings], read, made, first) => {
    const [x, z] = read;
    const [channels, height, width] = x.shape, [outs, outHeight, outWidth] = made.shape;
    const [size, outSize] = [height * width, outHeight * outWidth];
    const all = images * outs * outSize;
    const nothing = () => {};
    switch (op) {
      case "slice":
      case "reshape":
        return { forward: nothing, backward: nothing };
      case "conv":
      case "linear": {
        const [kernel, stride, padding, groups, biased] = op === "conv" ? settings : [1, 1, 0, 1, 1];
        const alone = groups === channels && groups > 1;
        const depth = channels / groups * kernel ** 2;
        const weights = makeParameter(outs * depth), bias = biased ? makeParameter(outs) : { at: 0, gradient: 0 };
        const scratch = alone ? 0 : allocate(2 * depth * outSize);
        const shape = [images, channels, height, width, outs, outHeight, outWidth, kernel, stride, padding, groups];
        const dx = first ? 0 : x.gradient;
        if (alone) {
          return {
            forward: () => kernels.depthwise(...shape, x.at, weights.at, bias.at, made.at),
            backward: () =>
              kernels.depthwise_back(...shape, x.at, weights.at, made.gradient, weights.gradient, bias.gradient, dx),
          };
        }
        return {
          forward: () => kernels.convolve(...shape, x.at, weights.at, bias.at, made.at, scratch),
          backward: () =>
            kernels.convolve_back(...shape, x.at, weights.at, made.gradient, weights.gradient, bias.gradient, dx, scratch),
        };
      }
      case "affine":
        if (!settings[0]) {
          const highest = HIGHEST[settings[1]];
          return {
            forward: () => kernels.relu(all, x.at, highest, made.at),
            backward: () => kernels.relu_back(all, x.at, highest, made.gradient, x.gradient),
          };
        } else {
          const [scale, shift] = [makeParameter(outs), makeParameter(outs)];
          const [mean, variance, saved] = [allocate(outs), allocate(outs), allocate(2 * outs)];
          buffers.push({ at: mean, size: outs }, { at: variance, size: outs });
          const row = images * outSize;
          return {
            forward: (training) => {
              if (training) {
                kernels.norm(outs, row, x.at, scale.at, shift.at, mean, variance, MOMENTUM, EPSILON, saved, made.at);
              } else kernels.norm_fixed(outs, row, x.at, scale.at, shift.at, mean, variance, EPSILON, made.at);
            },
            backward: () =>
              kernels.norm_back(
                outs, row, x.at, scale.at, saved, made.gradient, scale.gradient, shift.gradient, x.gradient,
              ),
          };
        }
      case "add":
        return {
          forward: () => kernels.add(all, x.at, z.at, made.at),
          backward: () => [x, z].forEach((one) => kernels.accumulate(all, made.gradient, one.gradient)),
        };
      case "gate":
        return {
          forward: () => kernels.gate(images * outs, size, x.at, z.at, made.at),
          backward: () =>
            kernels.gate_back(images * outs, size, x.at, z.at, made.gradient, x.gradient, z.gradient),
        };
      case "sigmoid":
        return {
          forward: () => view(made.at, all).set(view(x.at, all).map((one) => 1 / (1 + Math.exp(-one)))),
          backward: () => kernels.sigmoid_back(all, made.at, made.gradient, x.gradient),
        };
      case "mean":
        return {
          forward: () => kernels.mean(images * channels, size, x.at, made.at),
          backward: () => kernels.mean_back(images * channels, size, made.gradient, x.gradient),
        };
      case "max_pool": {
        const [kernel, stride, padding] = settings, chosen = allocate(all);
        const sides = [height, width, outHeight, outWidth, kernel, stride, padding];
        return {
          forward: () => kernels.max_pool(images * outs, ...sides, x.at, made.at, chosen),
          backward: () => kernels.max_pool_back(images * outs, size, outSize, chosen, made.gradient, x.gradient),
        };
      }
      case "cat": {
        const places = read.map((_, i) => read.slice(0, i).reduce((sum, one) => sum + images * count(one.shape), 0));
        const parts = read.map((one, i) => ({ ...one, size: images * count(one.shape), place: BYTES * places[i] }));
        return {
          forward: () => parts.forEach(({ at, size, place }) => view(made.at + place, size).set(view(at, size))),
          backward: () =>
            parts.forEach(({ gradient, size, place }) => kernels.accumulate(size, made.gradient + place, gradient)),
        };
      }
      case "shuffle": {
        // The channels as a table with a row for each group, read column by column.
        const columns = outs / settings[0], row = images * size;
        const from = (/** @type {number} */ to) => to % settings[0] * columns + Math.floor(to / settings[0]);
        const every = Array.from({ length: outs }, (_, to) => [BYTES * row * to, BYTES * row * from(to)]);
        return {
          forward: () => every.forEach(([to, source]) => view(made.at + to, row).set(view(x.at + source, row))),
          backward: () =>
            every.forEach(([to, source]) => kernels.accumulate(row, made.gradient + to, x.gradient + source)),
        };
      }
      default:
        throw new Error(`Training knows no operation ${op}.`);
    }
  };

  /** Softmax cross-entropy: the mean loss; writes its gradient, and how many of the largest scores are right. @param {number} smoothing */
  const judge = (smoothing) => {
    const { at, gradient, shape: [classes] } = values[values.length - 1];
    const scores = view(at, classes * images), gradients = view(gradient, classes * images);
    let total = 0, right = 0;
    for (let n = 0; n < images; n++) {
      const own = Array.from({ length: classes }, (_, c) => scores[c * images + n]);
      const largest = Math.max(...own);
      const logarithm = largest + Math.log(own.reduce((sum, one) => sum + Math.exp(one - largest), 0));
      if (own.indexOf(largest) === labels[n]) right++;
      own.forEach((score, c) => {
        const wanted = smoothing / classes + (c === labels[n] ? 1 - smoothing : 0);
        total -= wanted * (score - logarithm);
        gradients[c * images + n] = (Math.exp(score - logarithm) - wanted) / images;
      });
    }
    return { loss: total / images, right };
  };

  /** What the page can ask for. @type {Record<string, (args: any) => unknown>} */
  const jobs = {
    /** Take the kernels. @param {{ wasm: Uint8Array<ArrayBuffer> }} args */
    async load({ wasm }) {
      const { exports } = (await WebAssembly.instantiate(wasm)).instance;
      kernels = /** @type {any} */ (exports);
      memory = /** @type {any} */ (exports).memory;
      start = Math.ceil(/** @type {any} */ (exports).__heap_base.value / 64) * 64;
    },

    /**
     * Take a network, its first weights in the rows' order, and how many images a batch has.
     * @param {{ rows: Row[], shape: number[], batch: number, weights: Float32Array }} args
     */
    build({ rows, shape, batch, weights }) {
      [top, images, steps, parameters, buffers, cleared] = [start, batch, [], [], [], []];
      values = [makeValue(shape)];
      rows.forEach((row, at) => {
        const read = row[1].map((back) => values[at + 1 - back]);
        const made = makeResult(row, read[0]);
        steps.push(makeStep(row, read, made, read[0] === values[0]));
        values.push(made);
      });
      const missing = top - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65536));
      let place = 0;
      for (const { at, velocity, size } of parameters) {
        view(at, size).set(weights.subarray(place, place + size));
        view(velocity, size).fill(0);
        place += size;
      }
      if (place !== weights.length) throw new Error(`The network has ${place} weights, and ${weights.length} were given.`);
      buffers.forEach(({ at, size }, i) => view(at, size).fill(i % 2)); // means are 0, variances 1
    },

    /**
     * One step on a batch. @param {{ pixels: Float32Array, labels: Int32Array, rate: number, recipe: Recipe }} args
     * Pixels: channel after channel, and in each image after image.
     */
    step({ pixels, labels: wanted, rate, recipe }) {
      labels = wanted;
      view(values[0].at, pixels.length).set(pixels);
      for (const { at, size } of cleared) view(at, size).fill(0);
      for (const { gradient, size } of parameters) view(gradient, size).fill(0);
      for (const one of steps) one.forward(true);
      const found = judge(recipe.smoothing);
      for (let i = steps.length - 1; i >= 0; i--) steps[i].backward();
      for (const { at, gradient, velocity, size } of parameters) {
        kernels.descend(size, rate, recipe.momentum, recipe.decay, at, gradient, velocity);
      }
      return found;
    },

    /** How many of a batch are right with the running statistics. @param {{ pixels: Float32Array, labels: Int32Array }} args */
    test({ pixels, labels: wanted }) {
      labels = wanted;
      view(values[0].at, pixels.length).set(pixels);
      for (const one of steps) one.forward(false);
      return judge(0);
    },

    /** All parameters in the rows' order. */
    weights: () => {
      const found = new Float32Array(parameters.reduce((sum, { size }) => sum + size, 0));
      let place = 0;
      for (const { at, size } of parameters) {
        found.set(view(at, size), place);
        place += size;
      }
      return found;
    },

    /** Means and variances of all batch norms. */
    statistics: () => buffers.map(({ at, size }) => view(at, size).slice()),
  };

  scope.onmessage = async ({ data: { id, job, args } }) => {
    try {
      scope.postMessage({ id, result: await jobs[job](args) });
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      scope.postMessage({ id, error: { name, message } });
    }
  };
}
