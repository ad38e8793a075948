// A layer under the two roofs of a machine: its arithmetic, and what its memory delivers.
/** @import { Maker } from "./pictures.js" */
import { makeScale, powersOfTen } from "../script/axes.js";
import { makeSvg } from "../script/dom.js";
import { CHART, chartLabel, chartText, drawAxes, makeChart } from "./chart.js";

/** A number with three digits that count. @param {number} value */
function rounded(value) {
  const digits = value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return new Intl.NumberFormat("en-US", digits).format(value);
}

/** @type {Maker} */
export function makeRoofline([peakName, bandwidthName, intensityName]) {
  const drawing = makeChart();
  return {
    drawing,
    parts: [drawing],
    draw: (read) => {
      const [peak, bandwidth, intensity] = [read(peakName), read(bandwidthName), read(intensityName)];
      const ridge = peak / bandwidth;
      const reached = Math.min(peak, bandwidth * intensity);
      drawing.replaceChildren(...drawRoofline(peak, bandwidth, ridge, intensity, reached));
      const [at, most, edge, share] = [intensity, reached, ridge, (100 * reached) / peak].map(rounded);
      const point = `At ${at} FLOPs a byte at most ${most} GFLOP/s can be reached, ${share}\u00a0% of the peak`;
      return intensity < ridge
        ? `${point}: the arithmetic waits for memory. From ${edge} FLOPs a byte on (the ridge) it would be busy.`
        : `${point}: the arithmetic is busy. Below ${edge} FLOPs a byte (the ridge) it would wait for memory.`;
    },
  };
}

/**
 * @param {number} peak In GFLOP/s.
 * @param {number} bandwidth In GB/s.
 * @param {number} ridge In FLOPs a byte, as is the intensity.
 * @param {number} intensity
 * @param {number} reached In GFLOP/s.
 */
function drawRoofline(peak, bandwidth, ridge, intensity, reached) {
  const { left, right, top, bottom } = CHART;
  const below = (/** @type {number} */ value) => Math.floor(Math.log10(value) + 1e-9);
  const above = (/** @type {number} */ value) => Math.ceil(Math.log10(value) - 1e-9);
  // At least a decade on both sides of the ridge, so that its regions can be named.
  const [x0, x1] = [
    Math.min(-1, below(ridge / 10), below(intensity)),
    Math.max(3, above(ridge * 10), above(intensity)),
  ];
  const [y0, y1] = [below(bandwidth * 10 ** x0), above(peak * 1.3)];
  const across = makeScale([x0, x1], left, right, Math.log10);
  const up = makeScale([y0, y1], bottom, top, Math.log10);
  const roof = `M${left} ${up(bandwidth * 10 ** x0)}L${across(ridge)} ${up(peak)}H${right}`;
  const [x, y] = [across(intensity), up(reached)];
  const region = (/** @type {number} */ at, /** @type {string[]} */ words) =>
    words.map((word, index) => chartText(at, bottom - 18 + 13 * index, word, "middle", "ln-region"));
  return [
    ...drawAxes(
      { at: across, ticks: powersOfTen(x0, x1), name: "arithmetic intensity in FLOPs a byte" },
      { at: up, ticks: powersOfTen(y0, y1), name: "GFLOP/s" },
      (tick) => tick.toLocaleString("en-US"),
    ),
    makeSvg("path", { class: "ln-guide", d: `M${across(ridge)} ${up(peak)}V${bottom}M${x} ${y}V${bottom}` }),
    ...region((left + across(ridge)) / 2, ["waits for", "memory"]),
    ...region((right + across(ridge)) / 2, ["busy", "computing"]),
    makeSvg("path", { class: "ln-line ln-line-0", d: roof }),
    chartText(across(ridge), up(peak) - 7, `ridge ${rounded(ridge)}`),
    makeSvg("circle", { class: "ln-point", cx: x, cy: y, r: 5 }),
    chartLabel(x, y + 17, `${rounded(reached)} GFLOP/s`),
  ];
}
