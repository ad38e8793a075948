// A study of a page without a kernel: its variants and seeds can be switched off, and what is left is judged anew.
/** @import { Component } from "../script/mount.js" */
/** @import { Comparison, Interval, Law, Runs } from "./judge.js" */
import { equalSteps, makeScale, round } from "../script/axes.js";
import { make, makeSvg, query, setText } from "../script/dom.js";
import { fillMessage } from "../widget/formulas.js";
import { decimals, intervalOf, judgeRuns } from "./judge.js";

/**
 * @typedef {object} Measure
 * @property {number} digits
 * @property {{ alt: string, row: string, few: string, mean: string }} words Templates.
 * @property {Record<string, Runs>} values By variant.
 */

/**
 * @typedef {object} Spec
 * @property {number[]} seeds
 * @property {{ name: string, description: string }[]} variants
 * @property {Record<string, Measure>} measures
 * @property {Comparison[]} comparisons
 * @property {Record<string, number>} quantiles
 */

/** @typedef {{ margin: number, mostTicks: number, row: number, dots: number, step: number }} Drawing */
/** @typedef {Law & { verdict: string, drawing: Drawing }} Shared */

/** @param {number} place */
const percent = (place) => `${place.toFixed(2)}%`;

/**
 * A native checkbox for each of some choices, all on.
 * @param {string} title @param {string} name @param {string[][]} choices
 */
function makeSwitches(title, name, choices) {
  const inputs = choices.map(([value]) => {
    const input = make("input", { type: "checkbox", name, value, autocomplete: "off" });
    input.checked = true;
    return input;
  });
  const labels = inputs.map((input, index) => make("label", {}, input, make("span", {}, choices[index][1])));
  const fieldset = make("fieldset", {}, make("legend", {}, title), make("div", { class: `ln-${name}s` }, ...labels));
  const chosen = () => inputs.filter(({ checked }) => checked).map(({ value }) => value);
  return { inputs, fieldset, chosen };
}

/**
 * Draw a figure's rows again: dots, means and intervals of what is on, on an axis that holds just them.
 * @param {HTMLElement} figure @param {Spec} spec @param {Shared} shared @param {(variant: string) => Runs} runsOf
 */
function drawFigure(figure, spec, shared, runsOf) {
  const { digits, words } = spec.measures[figure.dataset.measure ?? ""];
  const { margin, mostTicks, row: height, dots, step } = shared.drawing;
  const hosts = /** @type {HTMLElement[]} */ ([...figure.querySelectorAll("[data-variant]")]);
  for (const host of hosts) host.hidden = !runsOf(host.dataset.variant ?? "").length;
  const rows = hosts.filter(({ hidden }) => !hidden).map((host) => {
    const runs = runsOf(host.dataset.variant ?? "");
    return { host, runs, interval: intervalOf(runs.map(([, value]) => value), shared.ends, spec.quantiles) };
  });
  figure.hidden = !rows.length;
  if (!rows.length) return;
  const drawn = rows.flatMap(({ runs, interval }) => [...runs.map(([, value]) => value), interval.low, interval.high])
    .filter((value) => value !== null);
  let [low, high] = [Math.min(...drawn), Math.max(...drawn)];
  if (low === high) [low, high] = [low - (Math.abs(low) / 10 || 1), high + (Math.abs(high) / 10 || 1)];
  const place = makeScale([low, high], margin, 100 - margin);
  const ticks = equalSteps(low, high, mostTicks);
  const texts = rows.map(({ host, runs, interval }) => {
    const grid = ticks.map((tick) => {
      const x = percent(place(tick));
      return makeSvg("line", { x1: x, x2: x, y1: 0, y2: height });
    });
    host.querySelector(".ln-dots-grid")?.replaceChildren(...grid);
    drawDots(host, runs, place, dots, step);
    drawInterval(host, interval, place);
    const description = spec.variants.find(({ name }) => name === host.dataset.variant)?.description ?? "";
    const mean = decimals(interval.mean, digits);
    setText(query(host, ".ln-dots-row b"), fillMessage(words.mean, { mean }));
    if (interval.low === null) return fillMessage(words.few, { description, mean });
    const ends = { low: decimals(interval.low, digits), high: decimals(interval.high, digits) };
    return fillMessage(words.row, { description, mean, ...ends });
  });
  const under = ticks.map((tick) =>
    makeSvg("text", { x: percent(place(tick)), y: 15, "text-anchor": "middle" }, round(tick, 10))
  );
  figure.querySelector(".ln-dots-ticks")?.replaceChildren(...under);
  const seeds = Math.max(...rows.map(({ runs }) => runs.length));
  query(figure, "[role=img]").setAttribute("aria-label", fillMessage(words.alt, { seeds, rows: texts.join("; ") }));
}

/**
 * Move the seeds' circles; one that would lie on another is moved up or down.
 * @param {HTMLElement} host @param {Runs} runs @param {(value: number) => number} place
 * @param {number} middle @param {number} step
 */
function drawDots(host, runs, place, middle, step) {
  const values = new Map(runs);
  /** @type {Map<number, number>} */
  const taken = new Map();
  for (const circle of /** @type {NodeListOf<SVGCircleElement>} */ (host.querySelectorAll("[data-seed]"))) {
    const value = values.get(Number(circle.dataset.seed));
    circle.style.display = value === undefined ? "none" : "";
    if (value === undefined) continue;
    const cell = Math.round(place(value));
    const before = taken.get(cell) ?? 0;
    taken.set(cell, before + 1);
    circle.setAttribute("cx", percent(place(value)));
    circle.setAttribute("cy", String(middle + (before % 2 ? -1 : 1) * Math.ceil(before / 2) * step));
  }
}

/**
 * Move the mean's bar, and the interval's line and its two ends.
 * @param {HTMLElement} host @param {Interval} interval @param {(value: number) => number} place
 */
function drawInterval(host, { mean, low, high }, place) {
  const move = (/** @type {Element | null} */ line, /** @type {number} */ from, /** @type {number} */ to) => {
    line?.setAttribute("x1", percent(place(from)));
    line?.setAttribute("x2", percent(place(to)));
  };
  move(host.querySelector(".ln-dots-mean"), mean, mean);
  const lines = /** @type {SVGLineElement[]} */ ([...host.querySelectorAll(".ln-dots-interval")]);
  for (const line of lines) line.style.display = low === null ? "none" : "";
  if (low === null) return;
  const [line, first, last] = lines;
  move(line, low, high);
  move(first, low, low);
  move(last, high, high);
}

/** @type {Component["render"]} */
function render({ model, el }) {
  /** @type {Spec} */
  const spec = model.get("spec");
  /** @type {Shared} */
  const shared = model.get("shared");
  const variants = makeSwitches("Variants", "variant", spec.variants.map((one) => [one.name, one.description]));
  const seeds = makeSwitches("Seeds", "seed", spec.seeds.map((seed) => [String(seed), String(seed)]));
  const inputs = [...variants.inputs, ...seeds.inputs];
  const status = make("p", { role: "status" });
  const reset = make("button", { type: "button" }, "Switch all on");
  const sentences = /** @type {HTMLElement[]} */ ([...el.querySelectorAll("[data-comparison]")]);
  const label = query(el, ".ln-study-verdict strong");
  const recorded = el.dataset.verdict;

  const update = () => {
    const [onVariants, onSeeds] = [new Set(variants.chosen()), new Set(seeds.chosen().map(Number))];
    const runsOf = (/** @type {string} */ measure, /** @type {string} */ variant) =>
      onVariants.has(variant) ? spec.measures[measure].values[variant].filter(([seed]) => onSeeds.has(seed)) : [];
    for (const figure of /** @type {NodeListOf<HTMLElement>} */ (el.querySelectorAll("[data-measure]"))) {
      drawFigure(figure, spec, shared, (variant) => runsOf(figure.dataset.measure ?? "", variant));
    }
    const found = spec.comparisons.map((comparison) => {
      const { a, b, measure } = comparison;
      const off = spec.variants.filter(({ name }) => [a, b].includes(name) && !onVariants.has(name));
      if (off.length) {
        const names = off.map(({ description }) => description).join(", ");
        return { verdict: "undecided", sentence: `This is switched off: ${names}.`, seeds: null };
      }
      if (!onSeeds.size) return { verdict: "undecided", sentence: "All seeds are switched off.", seeds: null };
      return judgeRuns(comparison, runsOf(measure, a), runsOf(measure, b), shared, spec.quantiles);
    });
    found.forEach(({ sentence }, index) => setText(sentences[index], sentence));
    const [main] = found;
    el.dataset.verdict = main.verdict;
    setText(label, main.seeds === null ? "Not compared." : fillMessage(shared.verdict, { verdict: main.verdict }));
    reset.hidden = inputs.every(({ checked }) => checked);
    const on =
      `${onSeeds.size} of ${spec.seeds.length} seeds and ${onVariants.size} of ${spec.variants.length} variants`;
    const stands = main.seeds === null
      ? ""
      : `; the verdict stands on ${main.seeds} ${main.seeds === 1 ? "seed" : "seeds"}`;
    setText(status, reset.hidden ? "" : `${on} are on${stands}. From all recorded seeds it is: ${recorded}.`);
  };

  for (const input of inputs) input.addEventListener("change", update);
  reset.addEventListener("click", () => {
    for (const input of inputs) input.checked = true;
    update();
    inputs[0].focus();
  });
  reset.hidden = true;
  const verdict = query(el, ".ln-study-verdict");
  verdict.setAttribute("aria-live", "polite");
  verdict.before(make("div", { class: "ln-study-switches" }, variants.fieldset, seeds.fieldset, status, reset));
}

const study = { render };
export default study;
