// "Train them here": small networks learn beside each other, in turns, and everything that is said of them is counted.
/** @import { Component } from "../../script/mount.js" */
/** @import { Row } from "../worker.js" */
/** @import { Line } from "./curves.js" */
/** @import { Packed, Recipe } from "./training.js" */
/** @import { Pictures } from "./trainer.js" */
import { round } from "../../script/axes.js";
import { make, makeId, setText } from "../../script/dom.js";
import { breathe, EngineError, StoppedError } from "../beside.js";
import { whenVisible } from "../visible.js";
import { makeCurves, makeMark } from "./curves.js";
import { makeFilters } from "./filters.js";
import { percent, sentencesOf } from "./seeds.js";
import { rateAt, stepsOf, Training, unpackPictures } from "./training.js";

const STRETCH = 5; // steps of one network before the next one's turn
const TEST_EVERY = 50; // steps
const DRAW_EVERY = 200; // milliseconds
const FADING = 0.9; // of the loss that is drawn: a running mean, since each batch has its own

/** @typedef {{ name: string, words: string, parameters: number, macs: number, gates: boolean, rows: Row[] }} Network */
/** @typedef {{ introduction: string, networks: Network[], recipe: Recipe, kinds: number[] | null }} Spec */
/** One network's numbers in one training. @typedef {{ losses: Line, tests: Line, steps: number, milliseconds: number, held?: number }} Course */

/** @returns {Course} */
const makeCourse = () => ({ losses: [], tests: [], steps: 0, milliseconds: 0 });

/** Add the losses of some steps to the line that is drawn. @param {Course} course @param {number[]} losses */
function addLosses(course, losses) {
  for (const loss of losses) {
    const before = course.losses[course.losses.length - 1]?.[1] ?? loss;
    course.losses.push([++course.steps, FADING * before + (1 - FADING) * loss]);
  }
}

/** A number in a cell. @param {HTMLElement} cell @param {number | undefined} value @param {(value: number) => string} words */
function put(cell, value, words) {
  setText(cell, value === undefined ? "–" : words(value));
  if (value === undefined) delete cell.dataset.value;
  else cell.dataset.value = String(value);
}

/** The table: a line for each network. @param {Network[]} networks */
function makeTable(networks) {
  const held = networks.some(({ gates }) => gates);
  /** @type {[output: string, heading: string][]} */
  const columns = [
    ["test_accuracy", "Test accuracy"],
    ["loss", "Training loss"],
    ["steps_per_second", "Steps a second"],
    ["parameters", "Parameters"],
    ["macs", "MACs of an image"],
  ];
  if (held) columns.splice(1, 0, ["held_accuracy", "With held gates"]);
  const head = make("tr", {}, make("th", { scope: "col" }, "Network"));
  head.append(...columns.map(([, heading]) => make("th", { scope: "col" }, heading)));
  const lines = networks.map(({ name, words, parameters, macs }, which) => {
    const cells = Object.fromEntries(columns.map(([output]) => [output, make("td", { "data-output": output })]));
    const label = make("th", { scope: "row" }, makeMark(which), words);
    const row = make("tr", { "data-live-row": "", "data-block": name }, label, ...Object.values(cells));
    put(cells.parameters, parameters, (value) => value.toLocaleString("en-US"));
    put(cells.macs, macs, (value) => value.toLocaleString("en-US"));
    return { row, cells };
  });
  const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines.map(({ row }) => row)));
  const scroller = { class: "ln-train-table", tabindex: 0, role: "region", "aria-label": "The networks" };
  return {
    el: make("div", scroller, table),
    /** @param {Course[]} courses */
    show(courses) {
      courses.forEach(({ losses, tests, steps, milliseconds, held: right }, which) => {
        const { cells } = lines[which];
        put(cells.steps_per_second, steps ? 1000 * steps / milliseconds : undefined, (value) => round(value, 3));
        put(cells.loss, losses[losses.length - 1]?.[1], (value) => round(value, 3));
        put(cells.test_accuracy, tests[tests.length - 1]?.[1], percent);
        if (held) put(cells.held_accuracy, right, percent);
      });
    },
  };
}

/** Why nothing is trained, as a sentence. @param {Error} error */
function explain(error) {
  if (error instanceof EngineError) return error.message;
  const memory = error.name === "RangeError" ? "this browser does not give so much memory" : error.message;
  return `The networks were not trained: ${memory}.`;
}

/**
 * All networks, in turns, from their first weights to the last step.
 * @param {{ spec: Spec, packed: Packed, pictures: Pictures, trainings: Training[], seed: number }} what
 * @param {Course[]} courses Filled as it goes.
 * @param {() => void | Promise<void>} show From time to time, and in the end.
 */
const trainAll = async ({ spec, packed, pictures, trainings, seed }, courses, show) => {
  const { networks, recipe, kinds } = spec;
  for (const [i, training] of trainings.entries()) {
    await training.begin(pictures, networks[i].rows, recipe.batch, seed, kinds);
  }
  const each = stepsOf(packed, recipe), all = each * recipe.epochs;
  let drawn = 0;
  for (let first = 0; first < all; first += STRETCH) {
    const rates = Array.from({ length: Math.min(STRETCH, all - first) }, (_, i) => rateAt(first + i, each, recipe));
    for (const [i, training] of trainings.entries()) {
      await whenVisible();
      const { losses, milliseconds } = await training.ask("train", { first, rates, recipe });
      courses[i].milliseconds += milliseconds;
      addLosses(courses[i], losses);
      if (courses[i].steps % TEST_EVERY && courses[i].steps < all) continue;
      const { right } = await training.ask("test");
      courses[i].tests.push([courses[i].steps, right]);
      if (courses[i].steps === all && networks[i].gates) courses[i].held = (await training.ask("testHeld")).right;
    }
    if (performance.now() - drawn < DRAW_EVERY && first + STRETCH < all) continue;
    await show();
    drawn = performance.now();
  }
};

/** @param {{ el: HTMLElement, host: HTMLElement, spec: Spec, packed: Packed }} place */
function show({ el, host, spec, packed }) {
  const { networks, recipe } = spec;
  const all = stepsOf(packed, recipe) * recipe.epochs;
  const start = make("button", { type: "button", "data-action": "start" }, "Train");
  const stop = make("button", { type: "button", "data-action": "stop" }, "Stop");
  const id = makeId("ln-train");
  const bar = make("progress", { max: all, value: 0, "aria-labelledby": id });
  const status = make("p", { role: "status", id });
  const words = make("p", { class: "ln-live-words" });
  const table = makeTable(networks);
  const loss = makeCurves("training loss", all), right = makeCurves("test accuracy, per cent", all);
  const filters = makeFilters(networks.map(({ words, rows: [[, , , [kernel]]] }) => ({ words, kernel })));
  /** Where each network ended, seed after seed. @type {number[][]} */
  const ends = networks.map(() => []);
  /** @type {Training[]} */
  let trainings = [];
  let seed = 0;

  const setWorking = (/** @type {boolean} */ working) => {
    host.setAttribute("aria-busy", String(working));
    start.hidden = working;
    stop.hidden = bar.hidden = !working;
  };

  const draw = async (/** @type {Course[]} */ courses) => {
    bar.value = Math.min(...courses.map(({ steps }) => steps));
    table.show(courses);
    loss.show(courses.map(({ losses }) => losses));
    right.show(courses.map(({ tests }) => tests.map(([step, share]) => [step, 100 * share])));
    await breathe();
    for (const [i, training] of trainings.entries()) filters.show(i, await training.ask("filters"));
  };

  const train = async () => {
    setWorking(true);
    stop.focus({ preventScroll: true });
    seed++;
    setText(status, `Training with seed ${seed}.`);
    setText(start, "Train again with another seed");
    trainings = networks.map(() => new Training());
    const courses = networks.map(makeCourse);
    let said = "";
    try {
      const pictures = await unpackPictures(packed);
      await trainAll({ spec, packed, pictures, trainings, seed }, courses, () => draw(courses));
      courses.forEach(({ tests }, i) => ends[i].push(tests[tests.length - 1][1]));
      said = `Done: ${all} steps of each network with seed ${seed}.`;
    } catch (error) {
      const steps = Math.min(...courses.map((course) => course.steps));
      const stopped = `Stopped after ${steps} of ${all} steps; this seed does not count.`;
      said = error instanceof StoppedError ? stopped : explain(/** @type {Error} */ (error));
    }
    for (const training of trainings) training.stop();
    setWorking(false);
    setText(status, said);
    setText(words, sentencesOf(networks.map((network, i) => ({ words: network.words, right: ends[i] }))));
    start.focus({ preventScroll: true });
  };

  start.addEventListener("click", train);
  stop.addEventListener("click", () => {
    for (const training of trainings) training.stop();
  });
  el.append(
    make("p", {}, spec.introduction),
    make("div", { class: "ln-live-buttons" }, start, stop),
    bar,
    status,
    make("div", { class: "ln-train-curves" }, loss.el, right.el),
    table.el,
    words,
    filters.el,
  );
  setWorking(false);
  table.show(networks.map(makeCourse));
  if (host.dataset.pressed === "start") start.click();
  return () => {
    for (const training of trainings) training.stop();
  };
}

/** @type {Component["render"]} */
function render({ model, el }) {
  const host = /** @type {HTMLElement} */ (el.closest("[data-live]") ?? el);
  host.dataset.live = "train";
  el.classList.add("ln-live");
  // In a page they came as a script of their own, in Jupyter with the widget.
  const page = /** @type {{ lightnetsPictures?: Packed }} */ (globalThis);
  const packed = /** @type {Packed} */ (model.get("pictures") ?? page.lightnetsPictures);
  return show({ el, host, spec: model.get("spec"), packed });
}

const train = { render };
export default train;
