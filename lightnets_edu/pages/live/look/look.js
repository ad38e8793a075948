// "Look inside": a picture of the reader's own goes through a small trained network, and everything in it can be seen.
/** @import { Component } from "../../script/mount.js" */
/** @import { Parts } from "./maps.js" */
/** @import { Trained } from "./network.js" */
import { round } from "../../script/axes.js";
import { make, setText } from "../../script/dom.js";
import { EngineError, StoppedError } from "../beside.js";
import { Engine } from "../engine.js";
import { makeLayer } from "./maps.js";
import { imageOf, layersOf, placesOf, samplesOf, SIDE, softmax, weightsOf } from "./network.js";
import { makePhotos } from "./photos.js";
import { makePicture } from "./picture.js";
import { makeTwins } from "./twins_shown.js";

const PHOTO_SIDE = 224;
const MOST_ANSWERS = 10;
const BEST_ANSWERS = 5; // of more classes than that

/** @typedef {{ introduction: string, name: string, first: string }} Spec */
/** Does a work and says meanwhile that the page is busy. @typedef {(work: () => Promise<void>) => Promise<void>} Busy */

/** @param {HTMLElement} host @returns {Busy} */
function makeBusy(host) {
  let works = 0; // that go on at the same time
  return async (work) => {
    works++;
    host.setAttribute("aria-busy", "true");
    try {
      await work();
    } finally {
      if (!--works) host.setAttribute("aria-busy", "false");
    }
  };
}

/** Why nothing is shown, as a sentence. @param {Error} error */
function explain(error) {
  if (error instanceof EngineError) return error.message;
  const memory = error.name === "RangeError" ? "this browser does not give so much memory" : error.message;
  return `The network was not run: ${memory}.`;
}

/** @param {{ el: HTMLElement, busy: Busy, spec: Spec, trained: Trained, engine: Engine }} place */
const show = async ({ el, busy, spec, trained, engine }) => {
  const { rows, classes, photos } = trained;
  const shape = photos ? [3, PHOTO_SIDE, PHOTO_SIDE] : [1, SIDE, SIDE];
  const shapes = [shape, ...rows.map(([, , made]) => made)];
  const weights = await weightsOf(trained, shape), places = placesOf(rows, shape);
  const layers = layersOf(trained, shape);
  const status = make("p", { role: "status" });
  const answers = make("ol", { class: "ln-look-answers" });
  const select = make("select", { name: "layer", autocomplete: "off" });
  select.append(...layers.map(({ words }, i) => make("option", { value: i }, words)));
  select.value = String(Math.max(0, layers.findIndex(({ kind }) => kind === spec.first)));
  const reset = make("button", { type: "button", "data-action": "reset" }, "Switch everything on again");
  const inside = make("div");
  /** What is held: value, channel, number. @type {Map<string, [number, number, number]>} */
  const held = new Map();
  /** @type {Float32Array[]} */
  let values = [];
  let running = false, again = false;

  /** @type {Parts | null} */
  let layer = null;
  let drawn = 0; // how often the inside was drawn: what is drawn later is newer
  const makeInside = () => {
    layer = makeLayer(layers[Number(select.value)], {
      shapes,
      filterOf: ({ value, row: [, , , [kernel]] }, channel) => {
        const first = places[value - 1] + channel * kernel ** 2;
        return weights.subarray(first, first + kernel ** 2);
      },
      hold: (value, channel, number) => {
        if (number === undefined) held.delete(`${value} ${channel}`);
        else held.set(`${value} ${channel}`, [value, channel, number]);
        runAgain();
      },
    });
    inside.replaceChildren(layer.el);
    return drawInside();
  };
  const drawInside = async () => {
    const mine = ++drawn;
    reset.hidden = !held.size;
    const heldAt = (/** @type {number} */ value, /** @type {number} */ channel) => held.get(`${value} ${channel}`)?.[2];
    await layer?.update({ values, heldAt }, () => drawn === mine);
  };

  const drawAnswers = () => {
    const shares = softmax(values[values.length - 1]);
    const order = shares.map((_, i) => i);
    if (classes.length > MOST_ANSWERS) order.sort((a, b) => shares[b] - shares[a]).splice(BEST_ANSWERS);
    answers.replaceChildren(...order.map((i) => {
      const bar = make("span", { class: "ln-look-bar" });
      bar.style.setProperty("--ln-share", `${100 * shares[i]}%`);
      const text = make(
        "span",
        { "data-output": "probability", "data-value": shares[i] },
        `${round(100 * shares[i], 2)} %`,
      );
      return make("li", { "data-live-row": "", "data-block": classes[i] }, make("span", {}, classes[i]), bar, text);
    }));
    const best = shares.indexOf(Math.max(...shares));
    const off = held.size ? ` ${held.size} ${held.size === 1 ? "channel is" : "channels are"} held by you.` : "";
    setText(status, `The network's answer: ${classes[best]}, ${round(100 * shares[best], 2)} %.${off}`);
  };

  /** Run the network on the picture; while it runs, one more wish is kept. */
  const run = async () => {
    if (running) return void (again = true);
    running = true;
    try {
      do {
        again = false;
        const image = imageOf(pane.pixels, trained);
        const wanted = [...held.values()].map(([value, channel, number]) => [value, channel, shapes[value][0], number]);
        values = await engine.ask("look", { image, held: wanted });
        drawAnswers();
        await drawInside();
      } while (again);
    } finally {
      running = false;
    }
  };
  const runAgain = () => {
    busy(run).catch((error) => error instanceof StoppedError || say(explain(error)));
  };

  const say = (/** @type {string} */ text) => setText(status, text);
  const pane = photos
    ? await makePhotos(photos, PHOTO_SIDE, say, runAgain)
    : makePicture(samplesOf(trained), classes, say, runAgain);
  const twins = photos && makeTwins(busy, () => {
    const { value } = layers[Number(select.value)];
    return { maps: values[value], shape: shapes[value] };
  });
  select.addEventListener("change", () => busy(makeInside));
  reset.addEventListener("click", () => {
    held.clear();
    runAgain();
  });
  const layerLabel = make("label", {}, make("span", {}, "Layer"), select);
  const right = trained.accuracy && `, and ${round(100 * trained.accuracy, 3)} % of the test images are right`;
  const words = `${trained.words[0].toUpperCase()}${trained.words.slice(1)}: this one has ` +
    `${trained.parameters.toLocaleString("en-US")} parameters${
      right ?? ""
    }. A press on a map switches its channel off.`;
  el.append(
    make("p", {}, spec.introduction),
    make("div", { class: "ln-look-top" }, pane.el, answers),
    status,
    make("p", { class: "ln-live-words" }, words),
    make("div", { class: "ln-live-buttons" }, layerLabel, reset),
    inside,
    ...(twins ? [twins] : []),
  );
  await engine.ask("build", { rows, shape, weights, keep: true });
  await run();
  await makeInside();
};

/** @type {Component["render"]} */
function render({ model, el }) {
  const spec = /** @type {Spec} */ (model.get("spec"));
  const host = /** @type {HTMLElement} */ (el.closest("[data-live]") ?? el);
  host.dataset.live = "look";
  el.classList.add("ln-live");
  // In a page it came as a script of its own, in Jupyter with the widget.
  const page = /** @type {{ lightnetsTrained?: Record<string, Trained> }} */ (globalThis);
  const trained = /** @type {Trained} */ (model.get("trained") ?? page.lightnetsTrained?.[spec.name]);
  const engine = new Engine();
  const busy = makeBusy(host);
  busy(async () => {
    await engine.start();
    await show({ el, busy, spec, trained, engine });
  }).catch((error) => {
    if (!(error instanceof StoppedError)) el.append(make("p", { role: "status" }, explain(error)));
  });
  return () => engine.stop();
}

const look = { render };
export default look;
