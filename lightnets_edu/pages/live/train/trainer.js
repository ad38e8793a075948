// How does a network learn? Forward, backward and a step, row after row, in a worker.
/** @import { Order, Row, Scope } from "../worker.js" */

/** @typedef {{ at: number, size: number }} Numbers In the kernels' memory. */
/** A value of the network for a whole batch, with its gradient. @typedef {{ shape: number[], at: number, gradient: number }} Value */
/**
 * A parameter: its numbers, their gradient, the velocity of the descent, whether it decays, and the bound of its first
 * numbers, or one number that they all begin with.
 * @typedef {{ at: number, gradient: number, velocity: number, size: number, decays: boolean, bound: number, first?: number }} Parameter
 */
/** @typedef {{ forward(training: boolean): void, backward(): void }} Step */
/** @typedef {{ momentum: number, decay: number, smoothing: number }} Recipe */
/**
 * Pictures: labels of those for training, then of those for the test, and as many times the pixels, two in a byte.
 * @typedef {{ bytes: Uint8Array, train: number, test: number, size: number, mean: number, std: number }} Pictures
 */
/** What a network is shown at once: one picture, or two as its two channels. @typedef {{ pictures: number[], label: number }} Sample */

/**
 * The trainer. It is one function, because its own text becomes the worker (see ../worker.js).
 * @param {Scope} scope The worker itself.
 */
export function trainingWorker(scope) {
  const BYTES = 4, ROOM = 16;
  const MOMENTUM = 0.1, EPSILON = 1e-5; // PyTorch's, of running statistics
  const HIGHEST = [Infinity, Infinity, 6]; // of no activation, ReLU, ReLU6
  const SHADES = 16;
  // Places of the hash: numbers of one seed, orders of the pictures behind all weights, and those of one epoch.
  const OF_SEED = 2 ** 22, ORDERS = 2 ** 31, OF_EPOCH = 2 ** 13, PAIRS = 2 ** 32 - 2 ** 16;

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
  /** Gates: where they lie, how many, and what they are held at, if they are. @type {(Numbers & { mean: Float32Array | null })[]} */
  let gates = [];
  /** @type {Pictures} */
  let pictures;
  /** Those for training, then those for the test. @type {Sample[]} */
  let samples = [];
  let seed = 0;
  /** Of the pictures in one epoch. @type {{ epoch: number, numbers: number[] }} */
  let order = { epoch: -1, numbers: [] };
  /** @type {Uint8Array} Of the batch. */
  let labels;

  const count = (/** @type {number[]} */ shape) => shape.reduce((product, side) => product * side, 1);
  const numbers = () => new Float32Array(memory.buffer);
  const allocate = (/** @type {number} */ size) => {
    const at = top;
    top += BYTES * (Math.ceil(size / ROOM) * ROOM + ROOM);
    return at;
  };
  const view = (/** @type {number} */ at, /** @type {number} */ size) =>
    numbers().subarray(at / BYTES, at / BYTES + size);

  /** The integer hash of kernels.c. @param {number} place */
  const mix = (place) => {
    let x = place >>> 0;
    x = Math.imul(x ^ x >>> 16, 0x7feb352d);
    x = Math.imul(x ^ x >>> 15, 0x846ca68b);
    return (x ^ x >>> 16) >>> 0;
  };

  /**
   * @param {number} size @param {boolean} decays @param {number} bound
   * @param {number} [first] The number that all begin with.
   */
  const makeParameter = (size, decays, bound, first) => {
    const [at, gradient, velocity] = [allocate(size), allocate(size), allocate(size)];
    const made = { at, gradient, velocity, size, decays, bound, first };
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
        const bound = Math.sqrt(1 / depth); // as PyTorch's layers begin
        const weights = makeParameter(outs * depth, true, bound);
        const bias = biased ? makeParameter(outs, false, bound) : { at: 0, gradient: 0 };
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
            kernels.convolve_back(
              ...shape,
              x.at,
              weights.at,
              made.gradient,
              weights.gradient,
              bias.gradient,
              dx,
              scratch,
            ),
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
          const scale = makeParameter(outs, false, 1, 1), shift = makeParameter(outs, false, 1, 0);
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
                outs,
                row,
                x.at,
                scale.at,
                saved,
                made.gradient,
                scale.gradient,
                shift.gradient,
                x.gradient,
              ),
          };
        }
      case "add":
        if (count(z.shape) !== count(x.shape)) throw new Error("Training adds maps of one size only.");
        return {
          forward: () => kernels.add(all, x.at, z.at, made.at),
          backward: () => [x, z].forEach((one) => kernels.accumulate(all, made.gradient, one.gradient)),
        };
      case "gate": {
        const held = { at: z.at, size: outs, mean: null };
        gates.push(held);
        return {
          forward: () => {
            if (held.mean) hold(held);
            kernels.gate(images * outs, size, x.at, z.at, made.at);
          },
          backward: () => kernels.gate_back(images * outs, size, x.at, z.at, made.gradient, x.gradient, z.gradient),
        };
      }
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
      case "avg_pool": {
        const sides = [height, width, outHeight, outWidth, ...settings];
        return {
          forward: () => kernels.avg_pool(images * outs, ...sides, x.at, made.at),
          backward: () => kernels.avg_pool_back(images * outs, ...sides, made.gradient, x.gradient),
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

  /** Gates as they are held: each at its number, the same for all images. @param {Numbers & { mean: Float32Array | null }} gate */
  const hold = ({ at, size, mean }) => {
    const means = /** @type {Float32Array} */ (mean);
    view(at, size * images).forEach((_, i, all) => all[i] = means[Math.floor(i / images)]);
  };

  /** The order of the training pictures in an epoch: by the hashes of their places. @param {number} epoch */
  const orderOf = (epoch) => {
    if (order.epoch === epoch) return order.numbers;
    const first = ORDERS + seed * OF_SEED + epoch * OF_EPOCH;
    const keys = Array.from({ length: pictures.train }, (_, i) => mix(first + i));
    order = { epoch, numbers: keys.map((_, i) => i).sort((a, b) => keys[a] - keys[b]) };
    return order.numbers;
  };

  /**
   * Pairs of pictures of two kinds: are both of one kind? As many as there are pictures, chosen by the hash.
   * @param {number[]} kinds Two labels.
   */
  const makePairs = (kinds) => {
    const { bytes, train, test } = pictures;
    const all = Array.from({ length: train + test }, (_, i) => i);
    const pools = [[0, train], [train, train + test]].map(([first, end]) =>
      kinds.map((kind) => all.slice(first, end).filter((i) => bytes[i] === kind))
    );
    return all.map((i) => {
      const [one, other, ...picks] = [0, 1, 2, 3].map((which) => mix(PAIRS + 4 * i + which));
      const coins = [one & 1, other & 1];
      const chosen = coins.map((coin, which) => {
        const pool = pools[i < train ? 0 : 1][coin];
        return pool[picks[which] % pool.length];
      });
      return { pictures: chosen, label: Number(coins[0] === coins[1]) };
    });
  };

  /** Take samples by their numbers; those of the test come after those for training. @param {number[]} chosen */
  const takeSamples = (chosen) => {
    const { bytes, train, test, size, mean, std } = pictures;
    const map = view(values[0].at, images * count(values[0].shape));
    const shades = Array.from({ length: SHADES }, (_, shade) => (shade / (SHADES - 1) - mean) / std);
    labels = Uint8Array.from(chosen, (which) => samples[which].label);
    chosen.forEach((which, n) =>
      samples[which].pictures.forEach((picture, channel) => {
        const from = train + test + picture * size / 2, to = (channel * images + n) * size;
        for (let p = 0; p < size; p += 2) {
          const two = bytes[from + p / 2];
          map[to + p] = shades[two >> 4];
          map[to + p + 1] = shades[two & 15];
        }
      })
    );
  };

  /** Run the network on the pictures of the test, batch by batch. @param {() => void} [look] After each batch. */
  const overTest = (look) => {
    let loss = 0, right = 0;
    for (let first = 0; first < pictures.test; first += images) {
      takeSamples(Array.from({ length: images }, (_, n) => pictures.train + first + n));
      for (const one of steps) one.forward(false);
      look?.();
      const found = judge(0);
      loss += found.loss * images / pictures.test;
      right += found.right / pictures.test;
    }
    return { loss, right };
  };

  /** One step on the batch that was taken. @param {number} rate @param {Recipe} recipe */
  const takeStep = (rate, { momentum, decay, smoothing }) => {
    for (const { at, size } of cleared) view(at, size).fill(0);
    for (const { gradient, size } of parameters) view(gradient, size).fill(0);
    for (const one of steps) one.forward(true);
    const { loss } = judge(smoothing);
    for (let i = steps.length - 1; i >= 0; i--) steps[i].backward();
    for (const { at, gradient, velocity, size, decays } of parameters) {
      kernels.descend(size, rate, momentum, decays ? decay : 0, at, gradient, velocity);
    }
    return loss;
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

    /** Take the pictures, and maybe the labels of those that are shown in pairs. @param {Pictures & { kinds: number[] | null }} args */
    pictures({ kinds, ...given }) {
      pictures = given;
      samples = kinds
        ? makePairs(kinds)
        : Array.from(given.bytes.subarray(0, given.train + given.test), (label, i) => ({ pictures: [i], label }));
    },

    /**
     * Take a network, how many images a batch has, and the seed of its first weights and of the pictures' order.
     * @param {{ rows: Row[], shape: number[], batch: number, seed: number }} args
     */
    build({ rows, shape, batch, seed: wanted }) {
      [top, images, seed, steps, parameters, buffers, cleared, gates] = [start, batch, wanted, [], [], [], [], []];
      order = { epoch: -1, numbers: [] };
      values = [makeValue(shape)];
      rows.forEach((row, at) => {
        const read = row[1].map((back) => values[at + 1 - back]);
        const made = makeResult(row, read[0]);
        steps.push(makeStep(row, read, made, read[0] === values[0]));
        values.push(made);
      });
      const missing = top - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65536));
      let place = seed * OF_SEED;
      for (const { at, velocity, size, bound, first } of parameters) {
        const all = view(at, size);
        for (let i = 0; i < size; i++) all[i] = first ?? (mix(place + i) / 2 ** 31 - 1) * bound;
        view(velocity, size).fill(0);
        place += size;
      }
      buffers.forEach(({ at, size }, i) => view(at, size).fill(i % 2)); // means are 0, variances 1
    },

    /**
     * So many steps, with a rate for each. @param {{ first: number, rates: number[], recipe: Recipe }} args The first
     * step's number; all batches of an epoch are whole.
     */
    train({ first, rates, recipe }) {
      const began = performance.now(), each = Math.floor(pictures.train / images);
      const losses = rates.map((rate, i) => {
        const step = first + i, at = step % each * images;
        takeSamples(orderOf(Math.floor(step / each)).slice(at, at + images));
        return takeStep(rate, recipe);
      });
      return { losses, milliseconds: performance.now() - began };
    },

    /** What is right of the test's pictures, with the running statistics. */
    test: () => overTest(),

    /** The same with every gate held at its mean over the test's pictures. */
    testHeld() {
      const sums = gates.map(({ size }) => new Float64Array(size));
      overTest(() => {
        gates.forEach(({ at, size }, i) => {
          const all = view(at, size * images);
          for (let p = 0; p < all.length; p++) sums[i][Math.floor(p / images)] += all[p];
        });
      });
      gates.forEach((gate, i) => gate.mean = Float32Array.from(sums[i], (sum) => sum / pictures.test));
      const found = overTest();
      for (const gate of gates) gate.mean = null;
      return found;
    },

    /** The filters of the first layer. */
    filters: () => view(parameters[0].at, parameters[0].size).slice(),

    /** Weights ("at") or velocities of all parameters, in the rows' order. @param {{ which: "at" | "velocity" }} args */
    numbers: ({ which }) => Float32Array.from(parameters.flatMap((one) => [...view(one[which], one.size)])),

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
