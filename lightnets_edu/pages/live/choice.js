// Which networks to time: a checkbox for each, with what it needs.
/** @import { Networks } from "./results.js" */
import { make, setText } from "../script/dom.js";

const MEGABYTE = 2 ** 20;
const MOST_MEGABYTES = 2048; // what browsers give to one page's kernels everywhere
const DEVICE_SHARE = 0.25; // the part of the device's memory that a page may take

/** How many megabytes a network needs at most: its weights, and all maps of which three are in use at once. */
export function megabytesOf(/** @type {Networks[string]} */ { rows, shape: image }) {
  let weights = 0;
  const shapes = [image];
  rows.forEach(([op, [back], shape, [kernel, , , groups]], at) => {
    const [channels] = shapes[at + 1 - back];
    if (op === "linear") weights += channels * shape[0];
    if (op === "conv") weights += channels / groups * kernel ** 2 * shape[0];
    shapes.push(shape);
  });
  const maps = shapes.map(([channels, height, width]) => channels * height * width).sort((a, b) => b - a);
  return Math.ceil(4 * (weights + maps[0] + maps[1] + maps[2]) / MEGABYTE);
}

/** What the reader can time. @param {Networks} networks @param {string[]} chosen */
export function makeChoice(networks, chosen) {
  const device = /** @type {{ deviceMemory?: number }} */ (navigator).deviceMemory;
  const most = Math.min(MOST_MEGABYTES, (device ?? Infinity) * 1024 * DEVICE_SHARE);
  const inputs = Object.keys(networks).map((name) => {
    const input = make("input", { type: "checkbox", name: "network", value: name, autocomplete: "off" });
    input.checked = chosen.includes(name);
    return input;
  });
  const labels = inputs.map((input) => {
    const { macs, shape: [, height, width] } = networks[input.value];
    const needed = megabytesOf(networks[input.value]);
    input.disabled = needed > most;
    input.checked &&= !input.disabled;
    const why = input.disabled ? `: needs ${needed} MB of memory, more than this device can spare` : "";
    const words = `${input.value} (${Math.round(macs / 1e6)} M MACs, ${height} × ${width}${why})`;
    return make("label", {}, input, make("span", {}, words));
  });
  const summary = make("summary");
  const legend = make("legend", {}, "Networks");
  const fieldset = make("fieldset", {}, legend, make("div", {}, ...labels));
  const details = make("details", {}, summary, fieldset);
  const names = () => inputs.filter(({ checked }) => checked).map(({ value }) => value);
  const say = () => setText(summary, `Networks: ${names().length} of ${inputs.length} chosen`);
  details.addEventListener("change", say);
  say();
  return { details, fieldset, names };
}
