// How long does a network take here? Blocks of runs, since a page's clock goes in steps of up to a millisecond.
/** @import { Engine } from "./engine.js" */
/** @import { Row } from "./worker.js" */

const WARM = 150; // milliseconds before the clock counts: the browser translates the kernels a second time meanwhile
const BLOCK = 40; // milliseconds that a block takes at least
const BLOCKS = 9;
const TRIES = 2; // whoever was disturbed may try again

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

/** Wait until the page can be seen; a hidden one is slowed down. */
const whenVisible = () =>
  new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve(undefined);
    };
    document.addEventListener("visibilitychange", look);
    look();
  });

/** Some runs, without a moment in which the page was hidden. @param {Engine} engine @param {number} times */
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

/**
 * Time a network for one image.
 * @param {Engine} engine @param {{ rows: Row[], side: number }} network
 * @param {number} limit The spread above which a timing is noise.
 * @returns {Promise<Timing>} The last try, which may be noise too.
 */
export const timeNetwork = async (engine, { rows, side }, limit) => {
  await engine.ask("build", { rows, shape: [3, side, side] });
  let last = 0;
  for (let spent = 0; spent < WARM; spent += last) last = Math.max(await runVisible(engine, 1), 0.1);
  const times = Math.ceil(BLOCK / last);
  for (let left = TRIES;;) {
    const samples = [];
    while (samples.length < BLOCKS) samples.push(await runVisible(engine, times) / times);
    const timing = summary(samples, BLOCKS * times);
    if (timing.spread <= limit || --left === 0) return timing;
  }
};
