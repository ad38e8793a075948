// The live chart of a board.
/** @import { Area, Box, Place } from "./labels.js" */
/** @import { Column, Row, Spec, View } from "./rows.js" */
import { equalSteps, makeScale, ratioSteps, round, withLetter } from "../script/axes.js";
import { make, makeSvg } from "../script/dom.js";
import { around, boxBeside } from "./labels.js";
import { isFaint, numberOf, sortRows } from "./rows.js";
import { numbersOf } from "./words.js";

const MOST_LABELS = 30;
const REACH = 36; // pixels from the pointer to a point that it still finds

/** @typedef {[value: number, text: string][]} Ticks */

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The ends of an axis: those of the values, with some room. @param {number[]} values @param {boolean} log */
function limits(values, log) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const one = most - least <= 1e-9 * Math.max(Math.abs(least), Math.abs(most)); // equal, but for rounding
  if (log) {
    const [low, high] = [Math.log10(least), Math.log10(most)];
    const margin = one ? 0.5 : 0.05 * (high - low);
    return [10 ** (low - margin), 10 ** (high + margin)];
  }
  const margin = one ? Math.abs(most) / 2 || 1 : 0.06 * (most - least);
  return [least >= 0 && least < margin ? 0 : least - margin, most + margin];
}

/**
 * One direction: its ticks, and a function that puts values between two pixels.
 * @param {Row[]} rows @param {Column} column @param {boolean} log @param {number} most
 */
function makeAxis(rows, column, log, most) {
  const [low, high] = limits(rows.map((row) => numberOf(row, column)), log);
  // Letters only where the axis has none of its own: "20 M" of bare numbers, "20,000" of millions.
  const letters = column.scale === 1 && high >= 10000;
  const text = (/** @type {number} */ tick) => (letters ? withLetter(tick, 4) : round(tick / column.scale, 10));
  const steps = log ? ratioSteps(low, high, most) : equalSteps(low, high, most);
  const ruler = log ? Math.log10 : (/** @type {number} */ value) => value;
  const between = (/** @type {number} */ from, /** @type {number} */ to) =>
    makeScale([ruler(low), ruler(high)], from, to, ruler);
  return { between, ticks: /** @type {Ticks} */ (steps.map((tick) => [tick, text(tick)])) };
}

export class Chart {
  grid = makeSvg("g", { class: "lx-grid" });
  step = makeSvg("path", { class: "lx-step" });
  points = makeSvg("g", { class: "lx-points" });
  labels = makeSvg("g", { class: "lx-labels" });
  cross = makeSvg("path", { class: "lx-cross" });
  ring = makeSvg("path", { class: "lx-ring" });
  tip = make("div", { class: "lx-tip", "aria-hidden": "true" });
  /** @type {Map<Row, SVGPathElement>} */
  pointOf = new Map();
  /** @type {Map<Row, Place>} */
  places = new Map();
  /** @type {Area} */
  area = { left: 0, right: 0, top: 0, bottom: 0, width: 0 };

  /** @param {Spec} spec @param {Row[]} rows */
  constructor(spec, rows) {
    const { grid, step, points, cross, labels, ring } = this;
    this.svg = makeSvg("svg", { "aria-hidden": "true" }, grid, step, points, cross, labels, ring);
    const spoken = { role: "slider", tabindex: 0, "aria-label": "Points of the chart, from left to right" };
    this.plot = make("div", { class: "lx-plot", ...spoken }, this.svg, this.tip);
    for (const row of rows) {
      const family = spec.shape ? spec.families.indexOf(row.cells[spec.shape].text) : 0;
      const { path, colour, filled } = spec.marks[family];
      const kind = filled ? "lx-point" : "lx-point lx-hollow";
      const style = `--lx-mark: ${colour}`;
      const point = makeSvg("path", { class: kind, d: path, style, "data-point": row.label });
      this.pointOf.set(row, point);
      points.append(point);
    }
  }

  /** @param {View} view */
  draw(view) {
    const width = Math.round(this.plot.clientWidth);
    if (!width) return;
    const height = Math.round(clamp(width * 0.6, 300, 460));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.places = new Map();
    for (const [row, point] of this.pointOf) {
      point.style.display = view.drawn.includes(row) ? "" : "none";
      point.classList.toggle("lx-faint", isFaint(row, view));
    }
    if (view.drawn.length) this.drawPoints(view, width, height);
    else {
      const middle = { x: width / 2, y: height / 2, "text-anchor": "middle" };
      this.grid.replaceChildren(makeSvg("text", middle, "Nothing to draw"));
    }
    const line = this.drawFront(view);
    this.drawLabels(view, line);
  }

  /** @param {View} view @param {number} width @param {number} height */
  drawPoints({ drawn, x, y, xLog, yLog }, width, height) {
    const xAxis = makeAxis(drawn, x, xLog, width < 480 ? 4 : 8);
    const yAxis = makeAxis(drawn, y, yLog, 7);
    const left = 14 + 7 * Math.max(...yAxis.ticks.map(([, text]) => text.length));
    this.area = { left, right: width - 10, top: 30, bottom: height - 50, width };
    const { right, top, bottom } = this.area;
    const [across, up] = [xAxis.between(left, right), yAxis.between(bottom, top)];
    for (const row of drawn) {
      const [at, above] = [across(numberOf(row, x)), up(numberOf(row, y))];
      this.places.set(row, [at, above]);
      const point = /** @type {SVGPathElement} */ (this.pointOf.get(row));
      point.style.transform = `translate(${at.toFixed(1)}px, ${above.toFixed(1)}px)`;
    }
    const line = (/** @type {string} */ d) => makeSvg("path", { d });
    this.grid.replaceChildren(
      ...xAxis.ticks.flatMap(([value, text]) => {
        const at = across(value).toFixed(1);
        const under = { x: at, y: bottom + 18, "text-anchor": "middle" };
        return [line(`M${at} ${top}V${bottom}`), makeSvg("text", under, text)];
      }),
      ...yAxis.ticks.flatMap(([value, text]) => {
        const at = up(value);
        const beside = { x: left - 8, y: (at + 4).toFixed(1), "text-anchor": "end" };
        return [line(`M${left} ${at.toFixed(1)}H${right}`), makeSvg("text", beside, text)];
      }),
      makeSvg("path", { d: `M${left} ${top}V${bottom}H${right}`, class: "lx-frame" }),
      makeSvg("text", { class: "lx-axis", x: 2, y: 14 }, `↑ ${y.title}`),
      makeSvg("text", { class: "lx-axis", x: width - 2, y: bottom + 42, "text-anchor": "end" }, `${x.title} →`),
    );
  }

  /** Draw the front as a flight of steps, and return its corners. @param {View} view @returns {Place[]} */
  drawFront({ front, x }) {
    const spots = front.map((row) => this.placeOf(row));
    const line = spots.flatMap((spot, i) => {
      if (!i) return [spot];
      const before = spots[i - 1];
      // Between two rows of the front, the one with the better x rules.
      /** @type {Place} */
      const corner = x.better === "lower" ? [spot[0], before[1]] : [before[0], spot[1]];
      return [corner, spot];
    });
    const path = line.map((spot, i) => `${i ? "L" : "M"}${spot.map((at) => at.toFixed(1)).join(" ")}`);
    this.step.setAttribute("d", path.join(""));
    this.points.classList.toggle("lx-fronted", front.length > 0);
    for (const [row, point] of this.pointOf) point.classList.toggle("lx-on-front", front.includes(row));
    return line;
  }

  /** @param {Row} row One that is drawn. */
  placeOf(row) {
    return /** @type {Place} */ (this.places.get(row));
  }

  /**
   * Names beside points, away from the front's line; those that the reader asked for choose first, then the front's.
   * @param {View} view @param {Place[]} line
   */
  drawLabels(view, line) {
    const { drawn, front, found } = view;
    const walls = line.slice(1).map(([x, y], i) => {
      const [a, b] = line[i];
      return /** @type {Box} */ ([Math.min(x, a) - 1, Math.min(y, b) - 1, Math.max(x, a) + 1, Math.max(y, b) + 1]);
    });
    const taken = [...walls, ...[...this.places.values()].map(around)];
    const clear = drawn.filter((row) => !isFaint(row, view));
    const wanted = clear.length <= MOST_LABELS ? [...front, ...clear] : front;
    const sought = drawn.filter((row) => row.kept || found.includes(row));
    this.labels.replaceChildren();
    for (const row of new Set([...sought, ...wanted])) {
      const text = makeSvg("text", { class: row.kept ? "lx-kept" : null }, row.label);
      this.labels.append(text);
      const box = boxBeside(this.placeOf(row), text.getComputedTextLength(), this.area, taken, row.kept);
      if (box) {
        taken.push(box);
        text.setAttribute("x", box[0].toFixed(1));
        text.setAttribute("y", (box[1] + 11).toFixed(1));
      } else text.remove();
    }
  }

  /** Show which point is meant: a ring, lines to the axes, its numbers. @param {Row | null} row @param {View} view */
  point(row, view) {
    this.speak(row, view);
    const place = row && this.places.get(row);
    for (const element of [this.ring, this.cross]) element.style.display = place ? "" : "none";
    this.tip.hidden = !place;
    if (!place) return;
    const { area, tip } = this;
    const [left, top] = place;
    this.ring.setAttribute("d", this.pointOf.get(row)?.getAttribute("d") ?? "");
    this.ring.setAttribute("transform", `translate(${left.toFixed(1)} ${top.toFixed(1)}) scale(1.5)`);
    this.cross.setAttribute("d", `M${area.left} ${top.toFixed(1)}H${left.toFixed(1)}V${area.bottom}`);
    tip.replaceChildren(make("strong", {}, row.label), ...numbersOf(row, view).map((text) => make("span", {}, text)));
    const beside = left + 14 + tip.offsetWidth <= area.width ? left + 14 : left - 14 - tip.offsetWidth;
    tip.style.left = `${clamp(beside, 0, Math.max(0, area.width - tip.offsetWidth))}px`;
    tip.style.top = `${clamp(top - tip.offsetHeight - 8, 0, area.bottom)}px`;
  }

  /** Tell a screen reader which point is meant, and its place. @param {Row | null} row @param {View} view */
  speak(row, view) {
    const list = sortRows(view.drawn, view.x);
    const at = row ? list.indexOf(row) : -1;
    const least = Math.min(1, list.length);
    this.plot.setAttribute("aria-valuemin", String(least));
    this.plot.setAttribute("aria-valuemax", String(list.length));
    this.plot.setAttribute("aria-valuenow", String(Math.max(at + 1, least)));
    const text = row && at >= 0 ? [row.label, ...numbersOf(row, view)].join(", ") : "no point chosen";
    this.plot.setAttribute("aria-valuetext", text);
  }

  /** The row whose point is near the pointer. @param {MouseEvent} event @returns {Row | null} */
  nearest(event) {
    const frame = this.svg.getBoundingClientRect();
    /** @type {[row: Row | null, distance: number]} */
    let nearest = [null, REACH];
    for (const [row, [x, y]] of this.places) {
      const distance = Math.hypot(event.clientX - frame.left - x, event.clientY - frame.top - y);
      if (distance < nearest[1]) nearest = [row, distance];
    }
    return nearest[0];
  }
}
