// The device in numbers: what its fastest layers reach, and what that says of networks that were not timed.
/** @import { Timing } from "./clock.js" */
/** @import { Profile } from "./profile.js" */
/** @import { Networks, Results } from "./results.js" */
import { round, withLetter } from "../script/axes.js";
import { make } from "../script/dom.js";
import { makeNumber, makeTable } from "./cells.js";
import { isNoise } from "./clock.js";
import { predict } from "./profile.js";

/** Where the profile is asked for and shown. */
export function makeDevice() {
  const start = make("button", { type: "button", "data-action": "start-profile" }, "Measure this device, and predict");
  const fieldset = make("fieldset", {}, make("legend", {}, "This device in numbers"));
  const words =
    "Some forty single layers are timed, in less than 20 seconds. From them the page predicts the networks " +
    "above, before it times them.";
  fieldset.append(make("p", { class: "ln-live-words" }, words), make("div", { class: "ln-live-buttons" }, start));
  const table = makeTable("This device in numbers", ["what", "how fast"]);
  table.frame.hidden = true;
  /** @param {Profile} profile */
  const draw = ({ peaks, bandwidth, start: least }) => {
    const rows = [
      ...Object.entries(peaks).map((
        [name, speed],
      ) => /** @type {const} */ ([
        name,
        `fastest ${name} layer`,
        "macs_per_second",
        speed,
        `${withLetter(speed, 3)}MAC/s`,
      ])),
      /** @type {const} */ ([
        "bandwidth",
        "sum of two maps",
        "bytes_per_second",
        bandwidth,
        `${withLetter(bandwidth, 3)}B/s`,
      ]),
      /** @type {const} */ (["start", "smallest operation", "milliseconds", least, `${round(least * 1e6, 2)} ns`]),
    ];
    table.body.replaceChildren(...rows.map(([block, what, output, value, text]) =>
      make(
        "tr",
        { "data-live-row": "", "data-block": block },
        make("th", { scope: "row" }, what),
        makeNumber(output, value, text),
      )
    ));
    table.frame.hidden = false;
  };
  return { el: make("div", { class: "ln-live-layer" }, fieldset, table.frame), fieldset, start, draw };
}

/**
 * How good the prediction was, in a sentence; none without a time to compare.
 * @param {Profile} profile @param {Networks} networks @param {Results} results @param {number} limit
 */
export function judge({ costs }, networks, { times }, limit) {
  const timed = Object.keys(networks).filter((name) => name in times && !isNoise(times[name], limit));
  if (!timed.length) return "The networks can be timed now, and compared with what is predicted.";
  const errors = timed.map((name) =>
    Math.abs(predict(networks[name].rows, networks[name].shape, costs) / times[name].milliseconds - 1)
  );
  const mean = errors.reduce((sum, one) => sum + one, 0) / errors.length;
  return `The prediction is off by ${round(100 * mean, 2)} % on average, and by ${
    round(100 * Math.max(...errors), 2)
  } % ` +
    `at most, over ${timed.length} ${
      timed.length === 1 ? "network, which was not" : "networks, none of which was"
    } timed for it.`;
}
