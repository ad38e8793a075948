// What was timed, in words and as a file.
/** @import { Timing } from "./clock.js" */
/** @import { Row } from "./worker.js" */
import { round } from "../script/axes.js";
import { rankCorrelation } from "../script/statistics.js";
import { isNoise } from "./clock.js";

const FORMAT = "lightnets-live-times";

/** @typedef {{ side: number, macs: number, activations: number, layers: number, rows: Row[] }} Network */
/** @typedef {Record<string, Network>} Networks */
/** Timings by network's name, with the day and the browser. @typedef {{ date: string, browser: string, times: Record<string, Timing> }} Results */

/** @param {string[]} names */
function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/**
 * What the times say, in sentences.
 * @param {Results} results @param {Networks} networks @param {number} limit The spread above which a timing is noise.
 */
export function sentences({ times }, networks, limit) {
  const names = Object.keys(times).filter((name) => !isNoise(times[name], limit));
  const noisy = Object.keys(times).filter((name) => isNoise(times[name], limit));
  const found = [];
  const seconds = names.map((name) => times[name].milliseconds);
  const ranked = /** @type {("macs" | "activations" | "layers")[]} */ (["macs", "activations", "layers"])
    .map((what) => rankCorrelation(names.map((name) => networks[name][what]), seconds));
  if (ranked.every((rank) => rank !== null)) {
    const [macs, activations, layers] = ranked.map((rank) => rank.toFixed(2).replace("-", "−"));
    found.push(
      `On this device the time of ${names.length} networks has a rank correlation of ${macs} with their MACs, of ` +
        `${activations} with their activations and of ${layers} with their number of layers: 1 means that both sort ` +
        "the networks alike, 0 that the number says nothing, −1 that the two orders are opposite.",
    );
  }
  if (names.includes("ghostnet") && names.includes("mobilenet_v1")) {
    const [ghost, mobile] = ["ghostnet", "mobilenet_v1"].map((name) => times[name].milliseconds / networks[name].macs);
    found.push(`A MAC of ghostnet takes ${round(ghost / mobile, 3)} times as long here as a MAC of mobilenet_v1.`);
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

/** As a file. @param {Results} results */
export function toText({ date, browser, times }) {
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
