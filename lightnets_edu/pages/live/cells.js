// Tables of times: what the networks and the single convolutions share.
/** @import { Timing } from "./clock.js" */
import { round, withLetter } from "../script/axes.js";
import { make } from "../script/dom.js";
import { isNoise } from "./clock.js";

/** @typedef {"processor" | "graphics"} Place Where something runs. */
/** @type {Record<Place, string>} */
export const placeWords = { processor: "processor", graphics: "graphics chip" };

/** The first cell of a row: what was timed, and where. @param {string} name @param {Place} place */
export function placedName(name, place) {
  return make("th", { scope: "row" }, place === "graphics" ? `${name}, ${placeWords.graphics}` : name);
}

/** A table with its title above the frame, which scrolls sideways on a phone. @param {string} title @param {string[]} heads */
export function makeTable(title, heads) {
  const row = make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)));
  const body = make("tbody");
  const region = { role: "region", tabindex: 0, "aria-label": title };
  const frame = make("div", region, make("table", { "aria-label": title }, make("thead", {}, row), body));
  const caption = make("p", { "aria-hidden": "true" }, make("strong", {}, title));
  return { frame: make("div", { class: "ln-live-times" }, caption, frame), body };
}

/** A cell that holds a raw number beside its text. @param {string} output @param {number} value @param {string} text */
export function makeNumber(output, value, text) {
  return make("td", {}, make("span", { "data-output": output, "data-value": value }, text));
}

/**
 * Milliseconds, spread, and MACs a second; of noise only the spread.
 * @param {Timing} timing @param {number} macs @param {number} limit The spread above which a timing is noise.
 */
export function timingCells(timing, macs, limit) {
  const { milliseconds, spread } = timing;
  const speed = macs / milliseconds * 1000;
  const share = makeNumber("spread", spread, `${round(100 * spread, 2)} %`);
  if (isNoise(timing, limit)) return [make("td", {}, "noise"), share, make("td", {}, "–")];
  return [
    makeNumber("milliseconds", milliseconds, round(milliseconds, 3)),
    share,
    makeNumber("macs_per_second", speed, withLetter(speed, 3)),
  ];
}
