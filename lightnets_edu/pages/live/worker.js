// How does a network run? Row after row, on the kernels, in a worker: the page beside it stays alive.

/**
 * As rows.py describes it; inputs are how many values back.
 * @typedef {[op: string, inputs: number[], shape: number[], settings: number[]]} Row
 */
/**
 * A map: which value's numbers it is a part of, and from which one on.
 * @typedef {{ shape: number[], owner: number, offset: number }} Value
 */
/** Numbers in the kernels' memory: the first, and how many. @typedef {{ at: number, size: number }} Storage */
/** @typedef {{ weights: number, bias: number }} Weights */
/** @typedef {{ id: number, job: string, args: any }} Order */
/** @typedef {{ postMessage(answer: unknown): void, onmessage: ((event: MessageEvent<Order>) => void) | null }} Scope */

/**
 * The engine. It is one function, because its own text becomes the worker: a page that was opened from a disk can load
 * no worker from a file. So it uses nothing that stands outside of it.
 * @param {Scope} scope The worker itself.
 */
export function engineWorker(scope) {
  const BYTES = 4; // of a number
  const ROOM = 16; // numbers behind every map, which the kernels' vectors may touch
  const IMAGE = 2 ** 31; // the hash's place for an image; weights begin at 0
  const BIAS_BOUND = 0.1;
  const BOUNDS = [[-Infinity, Infinity], [0, Infinity], [0, 6]]; // no activation, ReLU, ReLU6

  /** The exports of kernels.c. @type {Record<string, (...numbers: number[]) => void>} */
  let kernels;
  /** @type {WebAssembly.Memory} */
  let memory;
  let start = 0; // the first number that is free
  let top = 0; // the first one that is still free
  /** The network that was built last: a function for each row, or null where there is nothing to do. */
  let steps = /** @type {((() => void) | null)[]} */ ([]);
  /** Where each value's numbers lie, the image's first. @type {Storage[]} */
  let places = [];

  const count = (/** @type {number[]} */ shape) => shape.reduce((product, side) => product * side, 1);

  const allocate = (/** @type {number} */ size) => {
    const at = top;
    top += Math.ceil((size + ROOM) / ROOM) * ROOM;
    return at;
  };

  /** What each value is: numbers of its own, or a part of another's. @param {Row[]} rows @param {number[]} shape */
  const describeValues = (rows, shape) => {
    /** @type {Value[]} */
    const values = [{ shape, owner: 0, offset: 0 }];
    rows.forEach(([op, [back], made, [first]], at) => {
      const { owner, offset } = values[at + 1 - back];
      if (op === "slice") values.push({ shape: made, owner, offset: offset + first * made[1] * made[2] });
      else if (op === "reshape") values.push({ shape: made, owner, offset });
      else values.push({ shape: made, owner: at + 1, offset: 0 });
    });
    return values;
  };

  /**
   * Where each value's numbers lie. A map that nobody reads any more gives its place to a later one, as in every
   * program that runs networks, unless somebody wants to look at it later.
   * @param {Row[]} rows @param {Value[]} values @param {boolean} keep
   */
  const placeValues = (rows, values, keep) => {
    const lastReader = values.map(() => keep ? Infinity : -1);
    if (!keep) rows.forEach(([, inputs], at) => inputs.forEach((back) => lastReader[values[at + 1 - back].owner] = at));
    lastReader[0] = lastReader[values[rows.length].owner] = Infinity; // the image and the result stay
    /** @type {Map<number, Storage>} */
    const used = new Map();
    /** @type {Storage[]} */
    const free = [];
    return values.map(({ shape, owner, offset }, value) => {
      let storage = used.get(owner);
      if (!storage) {
        const size = count(shape);
        [storage] = free.filter((one) => one.size >= size).sort((a, b) => a.size - b.size);
        if (storage) free.splice(free.indexOf(storage), 1);
        else storage = { at: allocate(size), size };
        used.set(owner, storage);
      }
      for (const [other, unread] of used) {
        if (lastReader[other] >= value) continue; // the row after this value is number `value`
        used.delete(other);
        free.push(unread);
      }
      return BYTES * (storage.at + offset);
    });
  };

  /** Where weights and biases lie: first places only, since memory may still have to grow. @param {Row} row @param {number} ins */
  const placeWeights = ([op, , [outs], settings], ins) => {
    if (op === "affine" && settings[0]) return { weights: BYTES * allocate(outs), bias: BYTES * allocate(outs) };
    if (op !== "conv" && op !== "linear") return { weights: 0, bias: 0 };
    const [kernel, , , groups] = op === "conv" ? settings : [1, 1, 0, 1];
    const rows = groups * Math.ceil(outs / groups / 4) * 4; // the kernels read four rows at a time
    return { weights: BYTES * allocate(rows * (ins / groups) * kernel ** 2), bias: BYTES * allocate(rows) };
  };

  /**
   * Weights from the hash, as weights.py makes them. Gives the place after them.
   * @param {Row} row @param {number} ins @param {Weights} to @param {number} place
   */
  const fillWeights = ([op, , [outs], settings], ins, { weights, bias }, place) => {
    if (!weights) return place;
    const [kernel, , , groups, biased] = op === "conv" ? settings : [1, 1, 0, 1, 1];
    const depth = op === "affine" ? 1 : (ins / groups) * kernel ** 2;
    const bound = op === "affine" ? 1 : Math.sqrt(6 / depth);
    if (op === "affine" || isDepthwise(groups, ins)) kernels.fill(outs * depth, place, bound, weights);
    else {
      const rows = outs / groups;
      for (let group = 0; group < groups; group++) {
        const to = weights + BYTES * group * Math.ceil(rows / 4) * 4 * depth;
        kernels.fill_rows(rows, depth, place + group * rows * depth, bound, to);
      }
    }
    place += outs * depth;
    kernels.fill(outs, place, biased ? BIAS_BOUND : 0, bias);
    return biased ? place + outs : place;
  };

  /**
   * Given weights instead of hashed ones, in the same order.
   * @param {Row} row @param {number} ins @param {Weights} to @param {Float32Array} given @param {number} place
   */
  const putWeights = ([op, , [outs], settings], ins, { weights, bias }, given, place) => {
    if (!weights) return place;
    const [kernel, , , groups, biased] = op === "conv" ? settings : [1, 1, 0, 1, 1];
    const depth = op === "affine" ? 1 : (ins / groups) * kernel ** 2;
    const numbers = new Float32Array(memory.buffer);
    if (op === "affine" || isDepthwise(groups, ins)) {
      numbers.set(given.subarray(place, place + outs * depth), weights / BYTES);
    } else {
      const rows = outs / groups, room = Math.ceil(rows / 4) * 4;
      for (let out = 0; out < outs; out++) {
        // As fill_rows lays them out: four rows side by side.
        const group = Math.floor(out / rows), row = out % rows;
        const first = weights / BYTES + (group * room + row - row % 4) * depth + row % 4;
        for (let p = 0; p < depth; p++) numbers[first + 4 * p] = given[place + out * depth + p];
      }
    }
    place += outs * depth;
    if (!biased) return place;
    numbers.set(given.subarray(place, place + outs), bias / BYTES);
    return place + outs;
  };

  const isDepthwise = (/** @type {number} */ groups, /** @type {number} */ ins) => groups === ins && groups > 1;

  /** How many numbers a row needs for itself while it runs. @param {Row} row @param {number[]} shape */
  const scratchOf = ([op, , , settings], [channels, height, width]) => {
    const [kernel, , padding, groups] = settings;
    if (op === "conv" && isDepthwise(groups, channels)) return (height + padding + kernel) * (width + padding + kernel);
    return op.endsWith("pool") ? width : 0;
  };

  /** @param {number} x @param {number} y @param {number} size @param {(value: number) => number} f */
  const mapNumbers = (x, y, size, f) => {
    const numbers = new Float32Array(memory.buffer);
    for (let i = 0; i < size; i++) numbers[y / BYTES + i] = f(numbers[x / BYTES + i]);
  };

  /**
   * One row as a function without arguments.
   * @param {Row} row @param {number[][]} shapes Of its inputs. @param {number[]} places Of its inputs.
   * @param {number} y Where its result goes. @param {Weights} own @param {number} scratch
   */
  const makeStep = ([op, , made, settings], shapes, places, y, { weights, bias }, scratch) => {
    const [[channels, height, width], other] = shapes;
    const [x, z] = places;
    const [outs, outHeight, outWidth] = made;
    const size = outHeight * outWidth;
    const [low, high] = BOUNDS[settings.at(-1) ?? 0] ?? [];
    const [kernel, stride, padding, groups] = settings;
    const convolve = () => {
      const sizes = [channels, height, width, outs, outHeight, outWidth, kernel, stride, padding];
      if (isDepthwise(groups, channels)) {
        return () => kernels.depthwise(...sizes, x, weights, bias, low, high, y, scratch);
      }
      const onePixel = groups === 1 && kernel === 1 && size === 1 && height * width === 1;
      if (onePixel) return () => kernels.linear(channels, outs, x, weights, bias, low, high, y);
      return () => kernels.convolution(...sizes, groups, x, weights, bias, low, high, y);
    };
    const combine = {
      add: () => kernels.affine(outs, size, x, 0, z, low, high, y),
      gate: () => kernels.affine(outs, size, x, z, 0, low, high, y),
    };
    const pool = (/** @type {number} */ average) => () =>
      kernels.pool(channels, height, width, outHeight, outWidth, kernel, stride, padding, average, x, y, scratch);
    const join = () => {
      const bytes = new Uint8Array(memory.buffer);
      let to = y;
      places.forEach((from, i) => {
        bytes.copyWithin(to, from, from + BYTES * count(shapes[i]));
        to += BYTES * count(shapes[i]);
      });
    };
    switch (op) {
      case "conv":
        return convolve();
      case "linear":
        return () => kernels.linear(channels, outs, x, weights, bias, low, high, y);
      case "affine":
        return () => kernels.affine(outs, size, x, weights, bias, low, high, y);
      case "add":
        if (count(other) < count(made)) return combine.add;
        return () => kernels.add(outs * size, x, z, low, high, y);
      case "gate":
        return combine.gate;
      case "sigmoid":
        return () => mapNumbers(x, y, outs * size, (value) => 1 / (1 + Math.exp(-value)));
      case "hard_sigmoid":
        return () => mapNumbers(x, y, outs * size, (value) => Math.min(Math.max(value / 6 + 0.5, 0), 1));
      case "mean":
        return () => kernels.mean(channels, height * width, x, y);
      case "max_pool":
        return pool(0);
      case "avg_pool":
        return pool(1);
      case "cat":
        return join;
      case "shuffle":
        return () => kernels.shuffle(settings[0], outs, size, x, y);
      case "response_norm":
        return () => kernels.response_norm(outs, size, ...settings, x, y);
      case "slice":
      case "reshape":
        return null; // the same numbers
      default:
        throw new Error(`The engine knows no operation ${op}.`);
    }
  };

  /** What the page can ask for. @type {Record<string, (args: any) => unknown>} */
  const jobs = {
    /** Take the kernels. @param {{ wasm: Uint8Array<ArrayBuffer> }} args */
    async load({ wasm }) {
      const { exports } = (await WebAssembly.instantiate(wasm)).instance;
      kernels = /** @type {any} */ (exports);
      memory = /** @type {any} */ (exports).memory;
      start = Math.ceil(/** @type {any} */ (exports).__heap_base.value / 64) * 16;
    },

    /**
     * Take a network in place of the one before, with hashed weights or given ones.
     * @param {{ rows: Row[], shape: number[], weights?: Float32Array, keep?: boolean }} args
     */
    build({ rows, shape, weights, keep = false }) {
      top = start;
      const values = describeValues(rows, shape);
      const bytes = placeValues(rows, values, keep);
      places = values.map(({ shape: sides }, value) => ({ at: bytes[value] / BYTES, size: count(sides) }));
      const inputsOf = (/** @type {number} */ at) => rows[at][1].map((back) => at + 1 - back);
      const ins = rows.map((_, at) => values[inputsOf(at)[0]].shape);
      const own = rows.map((row, at) => placeWeights(row, ins[at][0]));
      const scratch = BYTES * allocate(Math.max(0, ...rows.map((row, at) => scratchOf(row, ins[at]))));
      const missing = BYTES * top - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65536));
      let place = 0;
      rows.forEach((row, at) => {
        if (weights) place = putWeights(row, ins[at][0], own[at], weights, place);
        else place = fillWeights(row, ins[at][0], own[at], place);
      });
      kernels.fill(count(shape), IMAGE, 1, bytes[0]);
      steps = rows.map((row, at) => {
        const inputs = inputsOf(at);
        const shapes = inputs.map((value) => values[value].shape);
        return makeStep(row, shapes, inputs.map((value) => bytes[value]), bytes[at + 1], own[at], scratch);
      });
    },

    /** Run it so many times; gives milliseconds. @param {{ times: number }} args */
    run({ times }) {
      const begin = performance.now();
      for (let i = 0; i < times; i++) {
        for (const step of steps) step?.();
      }
      return performance.now() - begin;
    },

    /** What the last run made of the image. */
    output: () => numbersOf(places.length - 1),

    /**
     * Run it once on an image, with some channels held at numbers, and give all values; it was built to keep them.
     * @param {{ image: Float32Array, held: [value: number, channel: number, channels: number, number: number][] }} args
     */
    look({ image, held }) {
      new Float32Array(memory.buffer).set(image, places[0].at);
      steps.forEach((step, at) => {
        step?.();
        const numbers = new Float32Array(memory.buffer);
        for (const [value, channel, channels, number] of held) {
          if (value !== at + 1) continue;
          const size = places[value].size / channels;
          numbers.fill(number, places[value].at + channel * size, places[value].at + (channel + 1) * size);
        }
      });
      return places.map((_, value) => numbersOf(value));
    },
  };

  const numbersOf = (/** @type {number} */ value) => {
    const { at, size } = places[value];
    return new Float32Array(memory.buffer).slice(at, at + size);
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
