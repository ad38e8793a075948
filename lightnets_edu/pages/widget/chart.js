// What every chart of a widget has: a frame, a grid with numbers, texts beside points.
import { makeSvg } from "../script/dom.js";

export const CHART = { width: 340, height: 230, left: 50, right: 320, top: 20, bottom: 188 };

export function makeChart() {
  return makeSvg("svg", { role: "img", viewBox: `0 0 ${CHART.width} ${CHART.height}` });
}

/** @param {number} x @param {number} y @param {string} text */
export function chartText(x, y, text, anchor = "middle", kind = "ln-tick") {
  return makeSvg("text", { x, y, class: kind, "text-anchor": anchor }, text);
}

/**
 * One direction of a chart.
 *
 * @typedef {object} Axis
 * @property {(value: number) => number} at The place of a number, in pixels.
 * @property {number[]} ticks
 * @property {string} name
 */

/**
 * Grid lines with their numbers, and the names of both axes.
 * @param {Axis} x @param {Axis} y @param {(tick: number) => string} format
 */
export function drawAxes(x, y, format) {
  const { left, right, top, bottom } = CHART;
  const lines = [
    ...x.ticks.map((tick) => `M${x.at(tick)} ${top}V${bottom}`),
    ...y.ticks.map((tick) => `M${left} ${y.at(tick)}H${right}`),
  ];
  return [
    makeSvg("path", { class: "ln-grid", d: lines.join("") }),
    makeSvg("path", { class: "ln-frame-line", d: `M${left} ${top}V${bottom}H${right}` }),
    ...x.ticks.map((tick) => chartText(x.at(tick), bottom + 15, format(tick))),
    ...y.ticks.map((tick) => chartText(left - 6, y.at(tick) + 4, format(tick), "end")),
    chartText((left + right) / 2, bottom + 34, x.name, "middle", "ln-name"),
    chartText(2, top - 8, y.name, "start", "ln-name"),
  ];
}

/**
 * A text beside a point: at its right if there is room, or at its left if that is better and there is room.
 * @param {number} x @param {number} y @param {string} text
 */
export function chartLabel(x, y, text, leftIsBetter = false) {
  const length = 8 + 6.6 * text.length;
  const atRight = leftIsBetter ? x - length < CHART.left : x + length < CHART.width;
  return chartText(x + (atRight ? 8 : -8), y, text, atRight ? "start" : "end", "ln-mark");
}
