// How the training goes, drawn: a line for each network, told apart by colour and by dashes.
import { equalSteps, makeScale, round } from "../../script/axes.js";
import { make, makeSvg } from "../../script/dom.js";

const HEIGHT = 190, LEFT = 40, RIGHT = 18, TOP = 24, BOTTOM = 34;

/** Places on a line. @typedef {[step: number, value: number][]} Line */

/** The mark of a network in the charts' legend. @param {number} which */
export function makeMark(which) {
  const line = makeSvg("path", { class: `ln-train-line ln-train-line-${which}`, d: "M0 7H28" });
  return makeSvg("svg", { viewBox: "0 0 28 14", class: "ln-train-mark", "aria-hidden": "true" }, line);
}

/**
 * A chart of lines over the steps.
 * @param {string} words What goes up. @param {number} steps Of a whole training.
 */
export function makeCurves(words, steps) {
  const svg = makeSvg("svg", { role: "img", "aria-label": words });
  const el = make("div", {}, svg);
  /** @type {Line[]} */
  let lines = [];
  const draw = () => {
    const width = Math.round(el.clientWidth);
    if (!width) return;
    const values = lines.flat().map(([, value]) => value);
    const [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    const margin = 0.06 * (high - low) || 0.5;
    const across = makeScale([0, steps], LEFT, width - RIGHT);
    const up = makeScale([low - margin, high + margin], HEIGHT - BOTTOM, TOP);
    const grid = [
      ...equalSteps(0, steps, 5).map((tick) =>
        makeSvg("text", { x: across(tick), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, String(tick))
      ),
      ...(values.length ? equalSteps(low - margin, high + margin, 4) : []).flatMap((tick) => [
        makeSvg("path", { d: `M${LEFT} ${up(tick)}H${width - RIGHT}` }),
        makeSvg("text", { x: LEFT - 6, y: up(tick) + 4, "text-anchor": "end" }, round(tick, 3)),
      ]),
      makeSvg("text", { x: 2, y: 12 }, `↑ ${words}`),
      makeSvg("text", { x: width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, "steps →"),
    ];
    const drawn = lines.map((line, which) => {
      const d = line.map(([step, value], i) => `${i ? "L" : "M"}${across(step).toFixed(1)} ${up(value).toFixed(1)}`);
      return makeSvg("path", { class: `ln-train-line ln-train-line-${which}`, d: d.join("") });
    });
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.replaceChildren(makeSvg("g", { class: "ln-live-grid" }, ...grid), ...drawn);
  };
  new ResizeObserver(draw).observe(el);
  return {
    el,
    /** @param {Line[]} now */
    show(now) {
      lines = now;
      draw();
    },
  };
}
