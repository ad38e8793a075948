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
/** Timings on the graphics chip, what the browser calls it, and whether a program stands in for it. @typedef {{ chip: string, software: boolean, times: Record<string, Timing> }} Graphics */
/** Timings by network's name, with the day and the browser. @typedef {{ date: string, browser: string, times: Record<string, Timing>, graphics?: Graphics }} Results */

/** @param {string[]} names */
function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/**
 * What the times say, in sentences.
 * @param {Results} results @param {Networks} networks @param {number} limit The spread above which a timing is noise.
 * @param {[string, string][]} pairs Which two are compared.
 * @param {Record<string, number>[]} [beside] For each pair, by clock: how many times as long the first took there.
 */
export function sentences({ times, graphics }, networks, limit, pairs, beside = []) {
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
  for (const [at, [a, b]] of pairs.entries()) {
    if (!names.includes(a) || !names.includes(b)) continue;
    const there = Object.entries(beside[at] ?? {}).map(([words, ratio]) => `${round(ratio, 3)} times (${words})`);
    const elsewhere = there.length ? ` Elsewhere it took ${listed(there)} as long.` : "";
    const time = times[a].milliseconds / times[b].milliseconds, work = networks[a].macs / networks[b].macs;
    found.push(
      `Here ${a} takes ${round(time, 3)} times as long as ${b}, with ${
        round(work, 3)
      } times as many MACs: a MAC of it ` +
        `takes ${round(time / work, 3)} times as long.${elsewhere}`,
    );
  }
  if (noisy.length) {
    const more = noisy.length > 1;
    found.push(
      `The ${more ? "times" : "time"} of ${listed(noisy)} ${more ? "were" : "was"} refused: the middle half of the ` +
        `samples spans more than ${round(100 * limit, 2)} % of the median. Something else was running.`,
    );
  }
  return graphics ? [...found, ...graphicsSentences(times, graphics, limit)] : found;
}

/** What the graphics chip's times say. @param {Record<string, Timing>} times The processor's. @param {Graphics} graphics @param {number} limit */
function graphicsSentences(times, { chip, software, times: others }, limit) {
  const found = [];
  if (software) {
    const called = chip ? ` (${chip})` : "";
    found.push(`What stands here as the graphics chip${called} is software: a program that runs on the processor.`);
  } else if (chip) found.push(`The browser calls the graphics chip ${chip}.`);
  const noisy = Object.keys(others).filter((name) => isNoise(others[name], limit));
  if (noisy.length) found.push(`On the graphics chip the samples of ${listed(noisy)} lie too far apart to be shown.`);
  const ratios = Object.keys(others).filter((name) => name in times)
    .filter((name) => !isNoise(times[name], limit) && !isNoise(others[name], limit))
    .map((name) => ({ name, ratio: others[name].milliseconds / times[name].milliseconds }))
    .sort((a, b) => a.ratio - b.ratio);
  const [least, most] = [ratios[0], ratios[ratios.length - 1]];
  if (ratios.length > 1) {
    found.push(
      `Of the processor's time the graphics chip needs between ${round(least.ratio, 2)} times (${least.name}) and ` +
        `${round(most.ratio, 2)} times (${most.name}).`,
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
export function toText({ date, browser, times, graphics }, networks) {
  const known = (/** @type {Record<string, Timing>} */ all) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => Object.hasOwn(networks, name)));
  const chip = graphics && { ...graphics, times: known(graphics.times) };
  return JSON.stringify({ format: FORMAT, date, browser, unit: "ms", times: known(times), graphics: chip }, null, 1);
}

/** The timings of a file. @param {object} read By name. @param {Networks} networks Those that this page knows. */
function readTimes(read, networks) {
  /** @type {Record<string, Timing>} */
  const times = {};
  for (const [name, timing] of Object.entries(read)) {
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
  return times;
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
  const times = readTimes(read.times, networks);
  const day = new Date(read.date);
  if (typeof read.date !== "string" || Number.isNaN(day.getTime())) throw new Error("This file's date cannot be read.");
  const results = { date: read.date, browser: String(read.browser), times };
  if (read.graphics === undefined) return results;
  const { chip, software, times: others } = read.graphics ?? {};
  if (typeof chip !== "string" || typeof software !== "boolean" || typeof others !== "object" || others === null) {
    throw new Error("This file's times on a graphics chip cannot be read: chip, software and times should be there.");
  }
  return { ...results, graphics: { chip, software, times: readTimes(others, networks) } };
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
