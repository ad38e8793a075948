// Cost against time, both in ratios: the reader's own times, the recorded ones, and those of files.
/** @import { Networks } from "./results.js" */
import { makeScale, ratioSteps, round, withLetter } from "../script/axes.js";
import { make, makeSvg } from "../script/dom.js";
import { around, boxBeside } from "../board/labels.js";
/** @import { Box } from "../board/labels.js" */

const WIDEST = 640;
// One for each clock, and filled for the reader's own: shape tells them apart without colour.
const MARKS = [
  "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0Z",
  "M-4-4H4V4H-4Z",
  "M0-5.6L5.2 3.8H-5.2Z",
  "M0-5.9L5.3 0L0 5.9L-5.3 0Z",
  "M0 5.6L5.2-3.8H-5.2Z",
  "M-1.7-5.2H1.7V-1.7H5.2V1.7H1.7V5.2H-1.7V1.7H-5.2V-1.7H-1.7Z",
  "M-5-3L-3-5L0-2L3-5L5-3L2 0L5 3L3 5L0 2L-3 5L-5 3L-2 0Z",
  "M-5-5H5L-5 5H5Z",
  "M-5.8 3A5.8 5.8 0 0 1 5.8 3Z",
];
/** @type {["macs" | "activations" | "layers", string][]} */
const COSTS = [["macs", "MACs"], ["activations", "activations"], ["layers", "layers"]];

/** Milliseconds by network. @typedef {{ words: string, milliseconds: Record<string, number> }} Clock */

/** @param {number[]} values */
function limits(values) {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const margin = 0.06 * (high - low) || 0.3;
  return [10 ** (low - margin), 10 ** (high + margin)];
}

/** A chart that is drawn again when times come in or another cost is chosen. @param {Networks} networks */
export function makeChart(networks) {
  const inputs = COSTS.map(([value, words], i) => {
    const input = make("input", { type: "radio", name: `live-cost-${Math.random()}`, value, autocomplete: "off" });
    input.checked = !i;
    return { input, label: make("label", {}, input, make("span", {}, words)) };
  });
  for (const { input } of inputs) input.name = inputs[0].input.name;
  const svg = makeSvg("svg", { role: "img" });
  const legend = make("ul", { class: "ln-live-legend" });
  const choice = make("fieldset", {}, make("legend", {}, "Cost"), ...inputs.map(({ label }) => label));
  const el = make("div", { class: "ln-live-chart" }, choice, svg, legend);
  /** @type {Clock[]} The reader's own is the first. */
  let clocks = [];

  const draw = () => {
    const [what, words] = COSTS[inputs.findIndex(({ input }) => input.checked)];
    const names = Object.keys(networks).filter((name) => name in (clocks[0]?.milliseconds ?? {}));
    const dots = clocks.flatMap(({ milliseconds }, clock) =>
      names.filter((name) => name in milliseconds).map((name) => ({
        name,
        clock,
        x: networks[name][what],
        y: milliseconds[name],
      }))
    );
    el.hidden = names.length < 2;
    if (el.hidden) svg.replaceChildren();
    const width = Math.min(WIDEST, el.clientWidth);
    if (!width) return;
    const height = Math.round(Math.max(280, 0.6 * width));
    const area = { left: 52, right: width - 12, top: 26, bottom: height - 46, width };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const [xs, ys] = [limits(dots.map(({ x }) => x)), limits(dots.map(({ y }) => y))];
    const across = makeScale(xs.map(Math.log10), area.left, area.right, Math.log10);
    const up = makeScale(ys.map(Math.log10), area.bottom, area.top, Math.log10);
    const grid = [
      ...ratioSteps(xs[0], xs[1], width < 480 ? 4 : 7).flatMap((tick) => [
        makeSvg("path", { d: `M${across(tick)} ${area.top}V${area.bottom}` }),
        makeSvg("text", { x: across(tick), y: area.bottom + 17, "text-anchor": "middle" }, withLetter(tick, 3)),
      ]),
      ...ratioSteps(ys[0], ys[1], 6).flatMap((tick) => [
        makeSvg("path", { d: `M${area.left} ${up(tick)}H${area.right}` }),
        makeSvg("text", { x: area.left - 7, y: up(tick) + 4, "text-anchor": "end" }, round(tick, 3)),
      ]),
      makeSvg("text", { x: 2, y: 14 }, "↑ milliseconds for one image"),
      makeSvg("text", { x: area.right, y: height - 6, "text-anchor": "end" }, `${words} →`),
    ];
    const places = dots.map(({ x, y }) => /** @type {[number, number]} */ ([across(x), up(y)]));
    const points = dots.map(({ name, clock, y }, i) => {
      const [left, top] = places[i];
      const title = makeSvg("title", {}, `${name}, ${clocks[clock].words}: ${round(y, 3)} ms`);
      const kind = `ln-live-mark ln-live-mark-${Math.min(clock, MARKS.length - 1)}`;
      const at = `translate(${left.toFixed(1)} ${top.toFixed(1)})`;
      return makeSvg("path", { class: kind, d: MARKS[Math.min(clock, MARKS.length - 1)], transform: at }, title);
    });
    svg.replaceChildren(makeSvg("g", { class: "ln-live-grid" }, ...grid), ...points);
    /** @type {Box[]} */
    const taken = places.map(around);
    dots.forEach(({ name, clock }, i) => {
      if (clock) return;
      const text = makeSvg("text", { class: "ln-live-name" }, name);
      svg.append(text);
      const box = boxBeside(places[i], text.getComputedTextLength(), area, taken, false);
      if (!box) return text.remove();
      taken.push(box);
      text.setAttribute("x", box[0].toFixed(1));
      text.setAttribute("y", (box[1] + 11).toFixed(1));
    });
    svg.setAttribute(
      "aria-label",
      `${words} and milliseconds of ${names.length} networks on ${clocks.length} clocks; the table has the numbers.`,
    );
    legend.replaceChildren(...clocks.map(({ words: which }, clock) => {
      const mark = Math.min(clock, MARKS.length - 1);
      const path = makeSvg("path", { class: `ln-live-mark ln-live-mark-${mark}`, d: MARKS[mark] });
      return make("li", {}, makeSvg("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }, path), which);
    }));
  };
  choice.addEventListener("change", draw);
  new ResizeObserver(draw).observe(el);
  return {
    el,
    /** @param {Clock[]} now */
    show(now) {
      clocks = now;
      draw();
    },
  };
}
