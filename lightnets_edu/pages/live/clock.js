// How long does a network take here? Blocks of runs, since a page's clock goes in steps of up to a millisecond.
/** @import { Engine } from "./engine.js" */
/** @import { Row } from "./worker.js" */
import { whenVisible } from "./visible.js";

const WARM = 150; // milliseconds before the clock counts: the browser translates the kernels a second time meanwhile
const BLOCK = 40; // milliseconds that a block takes at least
const BLOCKS = 3; // in each round
export const ROUNDS = 3;
export const MORE_ROUNDS = 2; // for those that were disturbed

/** @typedef {{ milliseconds: number, spread: number, runs: number }} Timing */

/** A percentile, with straight lines between the samples. @param {number[]} samples @param {number} percent */
export function percentile(samples, percent) {
  const sorted = [...samples].sort((a, b) => a - b);
  const place = (sorted.length - 1) * percent / 100;
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * Median, and the middle half of the samples as a part of it.
 * @param {number[]} samples Milliseconds of one run each. @param {number} runs How many runs they stand for.
 * @returns {Timing}
 */
export function summary(samples, runs) {
  const milliseconds = percentile(samples, 50);
  return { milliseconds, spread: (percentile(samples, 75) - percentile(samples, 25)) / milliseconds, runs };
}

/** What runs networks; on the graphics chip it is a GpuEngine. @typedef {Pick<Engine, "ask">} Runner */

/** Some runs, without a moment in which the page was hidden. @param {Runner} engine @param {number} times */
const runVisible = async (engine, times) => {
  for (;;) {
    await whenVisible();
    let hidden = false;
    const note = () => hidden = true;
    document.addEventListener("visibilitychange", note);
    try {
      const milliseconds = /** @type {number} */ (await engine.ask("run", { times }));
      if (!hidden) return milliseconds;
    } finally {
      document.removeEventListener("visibilitychange", note);
    }
  }
};

/** Whether a timing says too little to be shown. @param {Timing} timing @param {number} limit */
export function isNoise({ spread }, limit) {
  return spread > limit;
}

/** What is timed. @typedef {{ name: string, rows: Row[], shape: number[] }} Timed */

/**
 * What is told while things are timed: one is begun, one was timed, one does not fit into memory.
 * @typedef {object} Listener
 * @property {(round: number, at: number) => void} begin
 * @property {(at: number, timing: Timing) => void} end
 * @property {(at: number) => void} refuse
 */

/**
 * Time some things in turns: a while in which the device is slow then disturbs all of them a little, and shows in their
 * spread, instead of one of them unseen.
 * @param {Runner} engine @param {Timed[]} things @param {number} limit The spread above which a timing is noise.
 * @param {Listener} tell
 * @param {number} [rounds]
 * @param {number} [more] Rounds for those that were disturbed.
 */
export const timeInTurns = async (engine, things, limit, tell, rounds = ROUNDS, more = MORE_ROUNDS) => {
  const found = things.map(() => ({ samples: /** @type {number[]} */ ([]), runs: 0, noisy: true, refused: false }));
  for (let round = 1; round <= rounds + more; round++) {
    for (const [at, { rows, shape }] of things.entries()) {
      const one = found[at];
      if (one.refused || (round > rounds && !one.noisy)) continue;
      tell.begin(round, at);
      try {
        await engine.ask("build", { rows, shape });
      } catch (error) {
        if (/** @type {Error} */ (error).name !== "RangeError") throw error;
        one.refused = true; // the browser does not give so much memory
        tell.refuse(at);
        continue;
      }
      const begin = performance.now();
      let last = 0;
      do last = Math.max(await runVisible(engine, 1), 0.1); while (
        performance.now() - begin < (round === 1 ? WARM : BLOCK)
      );
      const times = Math.ceil(BLOCK / last);
      for (let block = 0; block < BLOCKS; block++) one.samples.push(await runVisible(engine, times) / times);
      one.runs += BLOCKS * times;
      const timing = summary(one.samples, one.runs);
      one.noisy = isNoise(timing, limit);
      tell.end(at, timing);
    }
  }
};
