// The page's side of what runs beside it: a worker that is started, asked, and stopped.
/** @import { Scope } from "./worker.js" */

/** A sentence for the reader. */
export class EngineError extends Error {}

/** The reader pressed the button. */
export class StoppedError extends Error {}

const LETTERS_AT_ONCE = 2 ** 18; // a multiple of 4, as base64 needs

/** Milliseconds of work in the page itself before others get time. */
export const AT_ONCE = 15;

/** Let the page do what waits for it. */
export const breathe = () => new Promise((resolve) => setTimeout(resolve));

/** The bytes behind base64, piece by piece, so that the page stays alive. @param {string} text */
export const decode = async (text) => {
  const pieces = [];
  for (let at = 0; at < text.length; at += LETTERS_AT_ONCE) {
    if (at) await breathe();
    const letters = atob(text.slice(at, at + LETTERS_AT_ONCE));
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
    pieces.push(bytes);
  }
  return new Blob(pieces);
};

/** The bytes behind gzip in base64. @param {string} text */
export const unpack = async (text) => {
  if (typeof DecompressionStream === "undefined") {
    throw new EngineError("This browser is too old to unpack the engine: it has no DecompressionStream.");
  }
  const stream = (await decode(text)).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

/** A worker with kernels. */
export class Beside {
  /**
   * @param {(scope: Scope) => void} worker Its text becomes the worker, so it uses nothing that stands outside of it.
   * @param {string} kernels WebAssembly: gzip in base64.
   */
  constructor(worker, kernels) {
    this.text = `(${worker})(self);`;
    this.kernels = kernels;
  }

  /**
   * Those who wait for an answer, by the number of their question.
   * @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>}
   */
  waiting = new Map();
  asked = 0;
  /** @type {Worker | null} */
  worker = null;

  /**
   * Make the worker and give it the kernels.
   * @throws {EngineError} Where a browser, or the page's security policy, does not allow it.
   */
  async start() {
    if (typeof WebAssembly === "undefined") {
      throw new EngineError("This browser runs no WebAssembly, which the engine is made of, so no network runs here.");
    }
    const wasm = await unpack(this.kernels);
    const url = URL.createObjectURL(new Blob([this.text], { type: "text/javascript" }));
    try {
      this.worker = new Worker(url);
      this.worker.onmessage = ({ data: { id, result, error } }) => {
        const question = this.waiting.get(id);
        this.waiting.delete(id);
        if (error) question?.reject(Object.assign(new Error(error.message), { name: error.name }));
        else question?.resolve(result);
      };
      this.worker.onerror = (event) => this.fail(new Error(event.message || "it did not start"));
      await this.ask("load", { wasm });
    } catch (error) {
      this.stop();
      const why = /** @type {Error} */ (error).message;
      throw new EngineError(
        `The engine runs in a worker, beside the page, and this browser does not allow it here (${why}), so no ` +
          "network runs.",
      );
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  /**
   * Let the worker do one of its jobs.
   * @param {string} job @param {object} [args] @returns {Promise<any>}
   */
  ask(job, args = {}) {
    return new Promise((resolve, reject) => {
      if (!this.worker) throw new StoppedError();
      this.waiting.set(++this.asked, { resolve, reject });
      this.worker.postMessage({ id: this.asked, job, args });
    });
  }

  /** @param {Error} error */
  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  /** End the worker at once, whatever it is doing. */
  stop() {
    this.worker?.terminate();
    this.worker = null;
    this.fail(new StoppedError());
  }
}
