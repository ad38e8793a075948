// Does the graphics chip compute what the processor computes? Only then its time is worth something.
/** @import { Timed } from "./clock.js" */
/** @import { Engine } from "./engine.js" */
/** @import { Errors } from "./gpu.js" */
import { GpuEngine } from "./gpu.js";

/**
 * The largest difference that roundings explain, as a part of the outputs' deviation. A rounding of float32 is 6e-8 of a
 * number. Sums of up to ten thousand products in a hundred layers make a million of them in a row; by chance they add up
 * to the square root, 6e-5. A kernel that is wrong is off by the deviation itself. The bound lies between.
 */
const BOUND = 1e-3;

/** The largest difference, as a part of the deviation. @param {Float32Array} found @param {Float32Array} wanted */
export function differenceOf(found, wanted) {
  const mean = wanted.reduce((sum, value) => sum + value, 0) / wanted.length;
  const variance = wanted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / wanted.length;
  let largest = 0;
  // A number that is none is a difference without bound.
  wanted.forEach((value, i) =>
    largest = Math.max(largest, Number.isNaN(found[i]) ? Infinity : Math.abs(found[i] - value))
  );
  return largest / Math.sqrt(variance);
}

/** The engine on the graphics chip, beside that on the processor. */
export class CheckedGpuEngine extends GpuEngine {
  /** @param {Engine} processor Not started yet. @param {Errors} errors */
  constructor(processor, errors) {
    super(errors);
    this.processor = processor;
  }

  /**
   * Those things that come out on the graphics chip as on the processor, and a sentence on each of the others.
   * @template {Timed} T @param {T[]} things @param {(at: number) => void} tell
   */
  async check(things, tell) {
    await this.processor.start();
    const agreed = [];
    const refused = [];
    for (const [at, thing] of things.entries()) {
      tell(at);
      try {
        const [wanted, found] = [await this.outputOf(this.processor, thing), await this.outputOf(this, thing)];
        const difference = differenceOf(found, wanted);
        if (difference <= BOUND) agreed.push(thing);
        else refused.push(`${thing.name} was not timed on the graphics chip: its result there is not the processor's.`);
      } catch (error) {
        const { EngineError, StoppedError } = this.errors;
        if (error instanceof EngineError || error instanceof StoppedError) throw error;
        const { name, message } = /** @type {Error} */ (error);
        const why = name === "RangeError" ? "there is not enough memory" : message.replace(/\.$/, "");
        refused.push(`${thing.name} was not timed on the graphics chip: ${why}.`);
      }
    }
    this.processor.stop();
    return { agreed, refused };
  }

  /** @param {Engine | GpuEngine} engine @param {Timed} thing @returns {Promise<Float32Array>} */
  async outputOf(engine, { rows, shape }) {
    await engine.ask("build", { rows, shape });
    await engine.ask("run", { times: 1 });
    return await engine.ask("output");
  }

  /** Give the chip back, and end the processor's worker. @override */
  stop() {
    super.stop();
    this.processor.stop();
  }
}

const graphics = { CheckedGpuEngine };
export default graphics;
