// The engine on the graphics chip: the same networks, with the same weights, on WebGPU. It answers what engine.js does.
//
// It runs in the page and not in a worker, since the page only writes lists of kernels: the chip works beside it, and
// the weights are made there. Long lists are written in pieces.
/** @import { Row } from "./worker.js" */
/** @import { Call } from "./gpu_calls.js" */
import { planNetwork } from "./gpu_calls.js";
import { BROKEN, WGSL, WHOLE } from "./gpu_kernels.js";

const LEAST = 30; // milliseconds that a submission of runs takes at least
const STEPS = 10; // and so many steps of the clock: Firefox looks every 100 ms whether the chip is done
const MOST_RUNS = 4096; // in one submission
const PIECE = 10; // milliseconds that the page writes before it does something else
const LATER = 100; // milliseconds in which the loss of a chip is told
const WORD = 4; // bytes of a number
const APART = 256; // bytes between what two kernels are told, as WebGPU wants it
// WebGPU's own numbers for what a buffer is used for; not every program that checks these scripts knows the names.
const MAP_READ = 1, COPY_SRC = 4, COPY_DST = 8, UNIFORM = 64, STORAGE = 128, QUERY_RESOLVE = 512;
const COMPUTE = 4; // the kind of shader
/** The kernel's function, and its constants, by the name in a call. @type {Record<string, [string, Record<string, number>]>} */
const PIPELINES = {
  ...Object.fromEntries(
    ["fill", "fill_tiles", "convolution", "depthwise", "mean", "linear", "each"].map((name) => [name, [name, {}]]),
  ),
  pointwise: ["convolution", { plain: 1 }],
  max_pool: ["pool", {}],
  avg_pool: ["pool", { average: 1 }],
};
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/**
 * The classes of beside.js. They are given, since this is another script, which a page loads only if its reader wants it.
 * @typedef {{ EngineError: new (message: string) => Error, StoppedError: new () => Error }} Errors
 */

const pause = (milliseconds = 0) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class GpuEngine {
  /** @type {GPUDevice | null} */
  device = null;
  /** What the browser says about the chip. */
  name = "";
  /** Whether there is no chip: a program on the processor stands in for it. */
  software = false;
  /** Two times of the chip's own clock, where the browser shows it. @type {GPUQuerySet | null} */
  clock = null;
  least = LEAST;
  /** How many runs a submission has. */
  runs = 1;
  /** What went wrong behind our back. @type {Error | null} */
  trouble = null;
  /** @type {Record<string, GPUComputePipeline>} */
  pipelines = {};
  /** Those of the network. @type {GPUBuffer[]} */
  buffers = [];
  /** @type {{ pipeline: GPUComputePipeline, bound: GPUBindGroup, groups: [number, number, number] }[]} */
  calls = [];
  result = { buffer: 0, at: 0, size: 0 };

  /** @param {Errors} errors */
  constructor(errors) {
    this.errors = errors;
  }

  /**
   * Ask for the chip and make the kernels.
   * @throws {Error} An EngineError where a browser gives none.
   */
  async start() {
    const { EngineError } = this.errors;
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
    if (!adapter) throw new EngineError("The browser gives this page no graphics chip, so nothing was timed on it.");
    const { vendor, architecture, description } = adapter.info;
    this.name = [vendor, architecture, description].filter(Boolean).join(" ");
    this.software = adapter.info.isFallbackAdapter || SOFTWARE.test(this.name);
    const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
    const hasClock = adapter.features.has("timestamp-query");
    try {
      this.device = await adapter.requestDevice({
        requiredLimits: { maxStorageBufferBindingSize, maxBufferSize },
        requiredFeatures: hasClock ? ["timestamp-query"] : [],
      });
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      throw new EngineError(`The browser refused the graphics chip (${why}), so nothing was timed on it.`);
    }
    this.watch(this.device);
    await this.finishOrFail(this.makeKernels(this.device, hasClock));
  }

  /** Note what goes wrong at any time. @param {GPUDevice} device */
  watch(device) {
    /** Never answers; fails when the chip is gone or the reader stopped. @type {Promise<never>} */
    this.gone = new Promise((_, reject) => {
      this.end = reject;
      device.lost.then(({ message }) =>
        reject(
          new this.errors.EngineError(
            `The browser lost the graphics chip${message && ` (${message})`}, so timing on it ended.`,
          ),
        )
      );
    });
    this.gone.catch(() => {}); // whoever waits is told
    device.addEventListener("uncapturederror", ({ error }) => this.trouble = new Error(error.message));
  }

  /** @template T @param {Promise<T>} work @returns {Promise<T>} */
  async finishOrFail(work) {
    const gone = /** @type {Promise<never>} */ (this.gone);
    try {
      return await Promise.race([work, gone]);
    } catch (error) {
      await Promise.race([gone, pause(LATER)]); // the work on a lost chip may break before the loss is told
      throw error;
    }
  }

  /** @param {GPUDevice} device @param {boolean} hasClock */
  async makeKernels(device, hasClock) {
    const kinds = /** @type {const} */ (["uniform", ...Array(3).fill("read-only-storage"), "storage"]);
    this.layout = device.createBindGroupLayout({
      entries: kinds.map((type, binding) => ({ binding, visibility: COMPUTE, buffer: { type } })),
    });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [this.layout] });
    const module = device.createShaderModule({ code: WGSL });
    await Promise.all(
      Object.entries(PIPELINES).map(async ([name, [entryPoint, constants]]) => {
        const compute = { module, entryPoint, constants };
        this.pipelines[name] = await device.createComputePipelineAsync({ layout, compute });
      }),
    );
    this.ticks = device.createBuffer({ size: 16, usage: QUERY_RESOLVE | COPY_SRC | COPY_DST });
    this.back = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
    if (hasClock) this.clock = device.createQuerySet({ type: "timestamp", count: 2 });
    else this.least = Math.max(LEAST, STEPS * await this.stepOfPage());
  }

  /** How long nothing takes, in milliseconds: the step in which the page sees that the chip is done. */
  async stepOfPage() {
    let longest = 0;
    for (let i = 0; i < 3; i++) longest = Math.max(longest, await this.submit(0));
    return longest;
  }

  /**
   * Let the chip do a job, as `Engine` does it.
   * @param {string} job @param {any} [args] @returns {Promise<any>}
   */
  async ask(job, args) {
    if (!this.device) throw new this.errors.StoppedError();
    /** @type {Record<string, () => Promise<unknown>>} */
    const jobs = { build: () => this.build(args), run: () => this.run(args), output: () => this.output() };
    return await this.finishOrFail(jobs[job]());
  }

  /** Give the chip back. */
  stop() {
    this.end?.(new this.errors.StoppedError());
    this.device?.destroy();
    this.device = null;
  }

  /** Take a network in place of the one before. @param {{ rows: Row[], shape: number[] }} args */
  async build({ rows, shape }) {
    const device = /** @type {GPUDevice} */ (this.device);
    const { sizes, fills, calls, result } = planNetwork(rows, shape);
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const [largest, most] = [WORD * Math.max(...sizes), Math.min(maxStorageBufferBindingSize, maxBufferSize)];
    if (largest > most) {
      const [needed, given] = [largest, most].map((bytes) => Math.ceil(bytes / 2 ** 20));
      throw new Error(`it needs ${needed} MB in one piece, and the graphics chip gives ${given} MB`);
    }
    this.release();
    device.pushErrorScope("out-of-memory");
    const usage = STORAGE | COPY_SRC;
    this.buffers = sizes.map((size) => device.createBuffer({ size: WORD * Math.ceil(size / 4) * 4, usage }));
    const bound = await this.bind(device, [...fills, ...calls]);
    const lack = await device.popErrorScope();
    if (lack) throw new RangeError(lack.message);
    this.calls = bound.slice(0, fills.length);
    await this.submit(1);
    this.calls = bound.slice(fills.length);
    this.result = result;
    this.runs = 1;
  }

  /** Calls as WebGPU takes them. @param {GPUDevice} device @param {Call[]} calls */
  async bind(device, calls) {
    const told = new ArrayBuffer(APART * calls.length);
    calls.forEach((call, number) => {
      const whole = new Uint32Array(told, APART * number, WHOLE.length);
      const broken = new Float32Array(told, APART * number + WORD * WHOLE.length, BROKEN.length);
      whole.set(WHOLE.map((name) => call.told[name] ?? 0));
      broken.set(BROKEN.map((name) => call.told[name] ?? 0));
    });
    const uniform = device.createBuffer({ size: told.byteLength, usage: UNIFORM | COPY_DST });
    device.queue.writeBuffer(uniform, 0, told);
    const buffers = [...this.buffers];
    this.buffers.push(uniform);
    const layout = /** @type {GPUBindGroupLayout} */ (this.layout);
    const found = [];
    let since = performance.now();
    for (const [number, { kernel, groups, buffers: used }] of calls.entries()) {
      const told = { buffer: uniform, offset: APART * number, size: WORD * (WHOLE.length + BROKEN.length) };
      const resources = [told, ...used.map((one) => ({ buffer: buffers[one] }))];
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      found.push({ pipeline: this.pipelines[kernel], bound: device.createBindGroup({ layout, entries }), groups });
      if (performance.now() - since < PIECE) continue;
      await pause();
      since = performance.now();
    }
    return found;
  }

  release() {
    for (const buffer of this.buffers) buffer.destroy();
    this.buffers = this.calls = [];
  }

  /**
   * Run it so many times, or more if the clock needs it; gives the milliseconds of so many.
   * @param {{ times: number }} args
   */
  async run({ times }) {
    for (;;) {
      const runs = Math.min(Math.max(times, this.runs), MOST_RUNS);
      const milliseconds = await this.submit(runs);
      if (milliseconds >= this.least || runs === MOST_RUNS) return milliseconds / runs * times;
      const wanted = 1.2 * this.least / Math.max(milliseconds, 0.1); // times as many
      this.runs = Math.ceil(runs * Math.min(wanted, 8));
    }
  }

  /** Milliseconds of so many runs in one submission. @param {number} runs */
  async submit(runs) {
    const device = /** @type {GPUDevice} */ (this.device);
    const [ticks, back] = /** @type {GPUBuffer[]} */ ([this.ticks, this.back]);
    const encoder = device.createCommandEncoder();
    const stamps = this.clock && { querySet: this.clock, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    const pass = encoder.beginComputePass(stamps ? { timestampWrites: stamps } : {});
    let since = performance.now();
    for (let i = 0; i < runs; i++) {
      for (const { pipeline, bound, groups } of this.calls) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bound);
        pass.dispatchWorkgroups(...groups);
      }
      if (performance.now() - since < PIECE) continue;
      await pause();
      since = performance.now();
    }
    pass.end();
    if (this.clock) encoder.resolveQuerySet(this.clock, 0, 2, ticks, 0);
    encoder.copyBufferToBuffer(ticks, 0, back, 0, 16);
    const commands = encoder.finish();
    const begin = performance.now();
    device.queue.submit([commands]);
    await back.mapAsync(MAP_READ); // the one wait that every browser keeps
    const seen = performance.now() - begin;
    const [first, last] = new BigUint64Array(back.getMappedRange());
    const own = Number(last - first) / 1e6;
    back.unmap();
    if (this.trouble) throw this.trouble;
    return this.clock && own > 0 && own <= seen ? own : seen;
  }

  /** What the last run made of the image. */
  async output() {
    const device = /** @type {GPUDevice} */ (this.device);
    const { buffer, at, size } = this.result;
    const copy = device.createBuffer({ size: WORD * size, usage: MAP_READ | COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.buffers[buffer], WORD * at, copy, 0, WORD * size);
    device.queue.submit([encoder.finish()]);
    await copy.mapAsync(MAP_READ);
    const found = new Float32Array(copy.getMappedRange().slice(0));
    copy.destroy();
    return found;
  }
}
