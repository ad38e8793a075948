// One layer, four ways: the same map convolved by a standard, a grouped, a depthwise and a pointwise convolution.
/** @import { Place } from "./cells.js" */
/** @import { Timing } from "./clock.js" */
/** @import { Row } from "./worker.js" */
import { round, withLetter } from "../script/axes.js";
import { make } from "../script/dom.js";
import { makeTable, placedName, timingCells } from "./cells.js";
import { isNoise } from "./clock.js";

/** @typedef {{ name: string, macs: number, rows: Row[], shape: number[] }} Convolution */

/** Label, name, what can be chosen, and what is chosen at first. @type {[string, string, number[], number][]} */
const SETTINGS = [
  ["channels", "channels", [32, 64, 128, 256], 128],
  ["side of the map", "map", [7, 14, 28, 56], 28],
  ["kernel", "kernel", [3, 5, 7], 3],
  ["groups of the grouped one", "groups", [2, 4, 8, 16], 4],
];

/** @param {number} channels @param {number} side @param {number} kernel @param {number} groups @returns {Convolution[]} */
export function describeConvolutions(channels, side, kernel, groups) {
  const shape = [channels, side, side];
  /** @type {[string, number, number][]} */
  const four = [["standard", kernel, 1], ["grouped", kernel, groups], ["depthwise", kernel, channels], [
    "pointwise",
    1,
    1,
  ]];
  return four.map(([name, size, parts]) => ({
    name,
    macs: channels * (channels / parts) * size ** 2 * side ** 2,
    rows: [["conv", [1], shape, [size, 1, (size - 1) / 2, parts, 1, 0]]],
    shape,
  }));
}

/** What to choose, and where the times go. @param {number} limit The spread above which a timing is noise. */
export function makeConvolutions(limit) {
  const choices = SETTINGS.map(([label, name, values, first]) => {
    const select = make("select", { name, autocomplete: "off" });
    select.append(...values.map((value) => make("option", { value }, String(value))));
    select.value = String(first);
    return { select, label: make("label", {}, make("span", {}, label), select) };
  });
  const start = make("button", { type: "button", "data-action": "start-convolutions" }, "Time one layer, four ways");
  const fieldset = make("fieldset", {}, make("legend", {}, "One convolution"));
  fieldset.append(make("div", { class: "ln-live-buttons" }, ...choices.map(({ label }) => label), start));
  const table = makeTable("One layer, four ways", ["convolution", "MACs", "here, ms", "spread", "MACs a second"]);
  const words = make("p", { class: "ln-live-words" });
  table.frame.hidden = true;

  /** @param {Convolution[]} timed @param {Record<Place, Record<string, Timing>>} times By place and name. */
  const draw = (timed, times) => {
    const places = /** @type {Place[]} */ (["processor", "graphics"]);
    const rows = timed.flatMap(({ name, macs }) =>
      places.filter((place) => name in times[place]).map((place) =>
        make(
          "tr",
          { "data-live-row": "", "data-block": name, "data-place": place },
          placedName(name, place),
          make("td", {}, withLetter(macs, 3)),
          ...timingCells(times[place][name], macs, limit),
        )
      )
    );
    table.body.replaceChildren(...rows);
    table.frame.hidden = !rows.length;
    words.textContent = places.map((place) => compare(timed, times[place], place)).filter(Boolean).join(" ");
  };

  /** What a MAC costs in two of them, in a sentence. @param {Convolution[]} timed @param {Record<string, Timing>} times @param {Place} place */
  const compare = (timed, times, place) => {
    const quiet = timed.filter(({ name }) => name in times && !isNoise(times[name], limit));
    const [standard, depthwise] = ["standard", "depthwise"].map((wanted) => quiet.find(({ name }) => name === wanted));
    if (!standard || !depthwise) return "";
    const [slow, fast] = [depthwise, standard].map(({ name, macs }) => times[name].milliseconds / macs);
    return `A MAC of the depthwise convolution takes ${round(slow / fast, 3)} times as long here as one of ` +
      `the standard convolution${place === "graphics" ? ", on the graphics chip" : ""}.`;
  };
  const described = () => {
    const [channels, side, kernel, groups] = choices.map(({ select }) => Number(select.value));
    return describeConvolutions(channels, side, kernel, groups);
  };
  return {
    el: make("div", { class: "ln-live-layer" }, fieldset, table.frame, words),
    fieldset,
    start,
    described,
    draw,
  };
}
