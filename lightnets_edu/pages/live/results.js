// What was timed, in words and as a file.
/** @import { Timing } from "./clock.js" */
/** @import { Row } from "./worker.js" */
import { round, withLetter } from "../script/axes.js";
import { rankCorrelation } from "../script/statistics.js";
import { isNoise } from "./clock.js";

const FORMAT = "lightnets-live-times";
const LEAST_RANKED = 4; // the order of fewer networks says nothing

/** @typedef {{ shape: number[], macs: number, activations: number, layers: number, rows: Row[] }} Network */
/** @typedef {Record<string, Network>} Networks */
/** Timings by network's name, with the day and the browser. @typedef {{ date: string, browser: string, times: Record<string, Timing> }} Results */

/** @param {string[]} names */
function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/**
 * What the times say, in sentences.
 * @param {Results} results @param {Networks} networks @param {number} limit The spread above which a timing is noise.
 * @param {[string, string][]} pairs Which two are compared.
 */
export function sentences({ times }, networks, limit, pairs) {
  const names = Object.keys(times).filter((name) => !isNoise(times[name], limit));
  const noisy = Object.keys(times).filter((name) => isNoise(times[name], limit));
  const found = [];
  const seconds = names.map((name) => times[name].milliseconds);
  const ranked = /** @type {("macs" | "activations" | "layers")[]} */ (["macs", "activations", "layers"])
    .map((what) => rankCorrelation(names.map((name) => networks[name][what]), seconds));
  if (names.length >= LEAST_RANKED && ranked.every((rank) => rank !== null)) {
    const [macs, activations, layers] = ranked.map((rank) => rank.toFixed(2).replace("-", "−"));
    found.push(
      `On this device the time of ${names.length} networks has a rank correlation of ${macs} with their MACs, of ` +
        `${activations} with their activations and of ${layers} with their number of layers: 1 means that both sort ` +
        "the networks alike, 0 that the number says nothing, −1 that the two orders are opposite.",
    );
  }
  for (const [a, b] of pairs.filter((pair) => pair.every((name) => names.includes(name)))) {
    const time = times[a].milliseconds / times[b].milliseconds, work = networks[a].macs / networks[b].macs;
    found.push(
      `Here ${a} takes ${round(time, 3)} times as long as ${b}, with ${
        round(work, 3)
      } times as many MACs: a MAC of it ` +
        `takes ${round(time / work, 3)} times as long.`,
    );
  }
  if (noisy.length) {
    const more = noisy.length > 1;
    found.push(
      `The ${more ? "times" : "time"} of ${listed(noisy)} ${more ? "were" : "was"} refused: the middle half of the ` +
        `samples spans more than ${round(100 * limit, 2)} % of the median. Something else was running.`,
    );
  }
  return found;
}

/**
 * How fast the book's engine is beside other clocks, in a sentence; empty without a network that was timed.
 * @param {Results} results @param {Networks} networks @param {number} limit
 * @param {{ words: string, milliseconds: Record<string, number> }[]} clocks
 */
export function compareSpeeds({ times }, networks, limit, clocks) {
  const names = Object.keys(times).filter((name) => !isNoise(times[name], limit));
  const common = names.filter((name) => clocks.every(({ milliseconds }) => name in milliseconds));
  if (!common.length) return "";
  const macs = common.reduce((sum, name) => sum + networks[name].macs, 0);
  const speed = (/** @type {(name: string) => number} */ milliseconds) =>
    `${withLetter(macs / common.reduce((sum, name) => sum + milliseconds(name), 0) * 1000, 3)}MAC/s`;
  const others = clocks.map(({ words, milliseconds }) => `${words}: ${speed((name) => milliseconds[name])}`);
  const own = speed((name) => times[name].milliseconds);
  return `This is the book's own small engine on one core. Over ${common.length} of these networks it does ${own} here; ` +
    `${others.join(", ")}.`;
}

/** As a file, which holds the book's networks only. @param {Results} results @param {Networks} networks */
export function toText({ date, browser, times: all }, networks) {
  const times = Object.fromEntries(Object.entries(all).filter(([name]) => Object.hasOwn(networks, name)));
  return JSON.stringify({ format: FORMAT, date, browser, unit: "ms", times }, null, 1);
}

/**
 * From a file.
 * @param {string} text @param {Networks} networks Those that this page knows.
 * @returns {Results}
 * @throws {Error} If it is no such file; the message is a sentence for the reader.
 */
export function fromText(text, networks) {
  let read;
  try {
    read = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON: choose one that was saved here.");
  }
  if (read?.format !== FORMAT || typeof read.times !== "object" || read.times === null) {
    throw new Error(`This file holds no times of networks: its format should be ${FORMAT}, as files saved here say.`);
  }
  /** @type {Record<string, Timing>} */
  const times = {};
  for (const [name, timing] of Object.entries(read.times)) {
    if (!Object.hasOwn(networks, name)) throw new Error(`This file has a time of ${name}, a network unknown here.`);
    const { milliseconds, spread, runs } = /** @type {any} */ (timing) ?? {};
    const good = Number.isFinite(milliseconds) && milliseconds > 0 && Number.isFinite(spread) && spread >= 0 &&
      Number.isInteger(runs) && runs > 0;
    if (!good) {
      throw new Error(
        `This file's entry of ${name} is no timing: milliseconds and runs should be above 0, and the spread 0 or more.`,
      );
    }
    times[name] = { milliseconds, spread, runs };
  }
  const day = new Date(read.date);
  if (typeof read.date !== "string" || Number.isNaN(day.getTime())) throw new Error("This file's date cannot be read.");
  return { date: read.date, browser: String(read.browser), times };
}

/** A device's name, as short as its browser's description allows. @param {Results} results */
export function nameDevice({ browser, date }) {
  const [, program] = /(Firefox\/\d+|Edg\/\d+|Chrome\/\d+|Version\/\d+)/.exec(browser) ?? ["", "a browser"];
  const [, system] = /(Android|iPhone|iPad|Windows|Mac|CrOS|Linux)/.exec(browser) ?? ["", "another system"];
  const words = program.replace("Version", "Safari").replace("Edg", "Edge").replace("/", " ");
  return `${words} on ${system}, ${dayOf(date)}`;
}

/** @param {string} date */
export function dayOf(date) {
  return new Date(date).toLocaleDateString("en-GB", { dateStyle: "long" });
}
