// "Time it": the reader's own device times the book's networks, with the book's own engine.
/** @import { Component } from "../script/mount.js" */
/** @import { Clock } from "./chart.js" */
/** @import { Timed, Timing } from "./clock.js" */
/** @import { Profile } from "./profile.js" */
/** @import { Network, Networks, Results } from "./results.js" */
import { round } from "../script/axes.js";
import { make, setText } from "../script/dom.js";
import { makeNumber, makeTable, timingCells } from "./cells.js";
import { makeChart } from "./chart.js";
import { makeChoice, megabytesOf } from "./choice.js";
import { isNoise, ROUNDS, timeInTurns } from "./clock.js";
import { makeConvolutions } from "./convolutions.js";
import { judge, makeDevice } from "./device.js";
import { Engine, EngineError, StoppedError, unpack } from "./engine.js";
import { kept, save, takeDropped } from "./kept.js";
import { NETWORKS } from "./networks.js";
import { makeProbes, makeProfile, predict } from "./profile.js";
import { compareSpeeds, dayOf, fromText, nameDevice, sentences, toText } from "./results.js";

const PROFILE_ROUNDS = 1;

/** What all pages share. @typedef {{ noise: number, recorded: Clock[], where: string }} Shared */
/**
 * What this page asks for: which networks are checked at first, which two are compared, and networks of its own.
 * @typedef {{ introduction: string, chosen: string[], pairs: [string, string][], own: Networks, layer: boolean }} Spec
 */
/** @typedef {{ el: HTMLElement, book: Networks, spec: Spec, shared: Shared }} Place */

/** @param {string} action @param {string} text */
const makeButton = (action, text) => make("button", { type: "button", "data-action": action }, text);

/** @param {string} words */
function makeLoader(words) {
  const input = make("input", { type: "file", accept: ".json,application/json" });
  return { input, label: make("label", {}, make("span", {}, words), input) };
}

/** A sentence on what went wrong. @param {unknown} error @param {string} name */
function explain(error, name) {
  if (error instanceof EngineError) return error.message;
  return `${name} was not timed: ${/** @type {Error} */ (error).message}.`;
}

/** @param {Network | undefined} network @param {string} name */
function explainMemory(network, name) {
  const needed = network ? `: it needs about ${megabytesOf(network)} MB` : "";
  return ` ${name} was not timed: this browser does not give so much memory${needed}.`;
}

/** @returns {Results} */
const nothing = () => ({ date: "", browser: "", times: {} });

/** @param {Place} place */
function show({ el, book, spec, shared }) {
  const host = /** @type {HTMLElement} */ (el.closest("[data-live]") ?? el);
  host.dataset.live = "time";
  const { noise } = shared;
  /** @type {Networks} */
  const networks = { ...spec.own, ...book };
  const choice = makeChoice(networks, spec.chosen);
  const [start, stop] = [makeButton("start", "Time these networks"), makeButton("stop", "Stop")];
  const [saver, forget] = [makeButton("save", "Save as a file"), makeButton("forget", "Forget")];
  const [mine, other] = [makeLoader("Load a file"), makeLoader("Compare with another device's file")];
  const bar = make("progress", { "aria-label": "How much is timed", value: 0 });
  const now = make("p", { "aria-hidden": "true", class: "ln-live-words" });
  const status = make("p", { role: "status" });
  const times = make("div");
  const chart = makeChart(networks);
  const words = make("div", { class: "ln-live-words" });
  const device = makeDevice();
  const convolutions = spec.layer ? makeConvolutions(noise) : null;
  let results = nothing();
  /** @type {Clock[]} */
  let others = [];
  /** @type {Profile | null} */
  let profile = null;
  /** @type {Engine | null} */
  let engine = null;

  /** @param {string} name @param {Clock[]} clocks */
  const makeRow = (name, clocks) => {
    const predicted = profile && predict(networks[name].rows, networks[name].shape, profile.costs);
    const timing = results.times[name];
    return make(
      "tr",
      { "data-live-row": "", "data-network": name },
      make("th", { scope: "row" }, name),
      ...(timing
        ? timingCells(timing, networks[name].macs, noise)
        : ["–", "–", "–"].map((text) => make("td", {}, text))),
      predicted === null ? null : makeNumber("predicted", predicted, round(predicted, 3)),
      ...clocks.map(({ milliseconds }) => make("td", {}, name in milliseconds ? round(milliseconds[name], 3) : "–")),
    );
  };

  const draw = () => {
    const chosen = profile ? choice.names() : [];
    const names = Object.keys(networks).filter((name) => name in results.times || chosen.includes(name));
    const clocks = [...shared.recorded, ...others];
    const heads = ["network", "here, ms", "spread", "MACs a second"];
    if (profile) heads.push("predicted, ms");
    const title = "One image: your device, on one core, and others";
    const table = makeTable(title, [...heads, ...clocks.map((clock) => `${clock.words}, ms`)]);
    table.body.append(...names.map((name) => makeRow(name, clocks)));
    times.replaceChildren(...(names.length ? [table.frame] : []));
    const timed = Object.keys(results.times);
    saver.hidden = forget.hidden = !timed.length;
    const quiet = timed.filter((name) => !isNoise(results.times[name], noise));
    const own = Object.fromEntries(quiet.map((name) => [name, results.times[name].milliseconds]));
    chart.show([{ words: "this device", milliseconds: own }, ...clocks]);
    const found = engine || !timed.length ? [] : [...sentences(results, networks, noise, spec.pairs), shared.where];
    const compared = found.length ? compareSpeeds(results, networks, noise, shared.recorded) : "";
    if (compared) found.splice(-1, 0, compared);
    if (profile && !engine) found.unshift(judge(profile, networks, results, noise));
    words.replaceChildren(...found.map((sentence) => make("p", {}, sentence)));
  };

  /** @param {boolean} working */
  const setWorking = (working) => {
    host.setAttribute("aria-busy", String(working));
    start.hidden = mine.label.hidden = other.label.hidden = working;
    stop.hidden = bar.hidden = now.hidden = !working;
    for (const part of [choice, device, convolutions]) if (part) part.fieldset.disabled = working;
    saver.disabled = forget.disabled = working;
    draw();
  };

  /**
   * Time some things in turns, and say so; gives how many were timed.
   * @param {Timed[]} things @param {(name: string, timing: Timing) => void} take
   * @param {string} what They are, in the plural. @param {HTMLElement} button The one that was pressed.
   * @param {number} [rounds]
   */
  const work = async (things, take, what, button, rounds = ROUNDS) => {
    const worker = engine = new Engine();
    setWorking(true);
    stop.focus();
    bar.max = rounds * things.length;
    bar.value = 0;
    let current = 0;
    const timed = new Set();
    let said = "", refused = "";
    try {
      await worker.start();
      await timeInTurns(worker, things, noise, {
        begin: (round, at) => {
          current = at;
          setText(status, round > rounds ? "Timing those again that were disturbed." : `Round ${round} of ${rounds}.`);
          setText(now, `${things[at].name}, ${at + 1} of ${things.length}`);
        },
        end: (at, timing) => {
          timed.add(at);
          take(things[at].name, timing);
          bar.value += 1;
        },
        refuse: (at) => refused += explainMemory(networks[things[at].name], things[at].name),
      }, rounds);
      said = `Done: ${timed.size} of ${things.length} ${what} were timed.`;
    } catch (error) {
      said = error instanceof StoppedError
        ? `Stopped: ${timed.size} of ${things.length} ${what} were timed.`
        : explain(error, things[current].name);
    }
    worker.stop();
    engine = null;
    setWorking(false);
    setText(status, said + refused);
    button.focus();
    return timed.size;
  };

  const timeNetworks = async () => {
    const names = choice.names();
    if (!names.length) return setText(status, "No network is chosen: choose at least one above.");
    // Times of this browser stay until they are taken again; those of a file were another's.
    const before = results.browser === navigator.userAgent ? results.times : {};
    const others = Object.entries(before).filter(([name]) => !names.includes(name));
    results = { date: new Date().toISOString(), browser: navigator.userAgent, times: Object.fromEntries(others) };
    const take = (/** @type {string} */ name, /** @type {Timing} */ timing) => {
      results.times[name] = timing;
      draw();
    };
    const things = names.map((name) => ({ name, ...networks[name] }));
    if (await work(things, take, "networks", start)) kept.write(toText(results, book));
  };

  const timeConvolutions = () => {
    if (!convolutions) return;
    const { described, draw: drawLayers, start: button } = convolutions;
    const four = described();
    /** @type {Record<string, Timing>} */
    const found = {};
    drawLayers(four, found);
    const take = (/** @type {string} */ name, /** @type {Timing} */ timing) => {
      found[name] = timing;
      drawLayers(four, found);
    };
    return work(four, take, "convolutions", button);
  };

  const measureDevice = async () => {
    const probes = makeProbes();
    /** @type {Record<string, Timing>} */
    const found = {};
    const take = (/** @type {string} */ name, /** @type {Timing} */ timing) => found[name] = timing;
    if (await work(probes, take, "layers", device.start, PROFILE_ROUNDS) < probes.length) return;
    profile = makeProfile(probes, found);
    device.draw(profile);
    draw();
  };

  /** @param {string} text @param {string} where */
  const take = (text, where) => {
    try {
      results = fromText(text, book);
      setText(status, `These times are of ${dayOf(results.date)}, from ${where}.`);
      draw();
      return true;
    } catch (error) {
      setText(status, /** @type {Error} */ (error).message);
      return false;
    }
  };

  /** @param {File} file */
  const compare = async (file) => {
    try {
      const read = fromText(await file.text(), book);
      const milliseconds = Object.fromEntries(
        Object.entries(read.times).filter(([, one]) => !isNoise(one, noise)).map((
          [name, one],
        ) => [name, one.milliseconds]),
      );
      const clock = { words: nameDevice(read), milliseconds };
      others = [...others.filter((one) => one.words !== clock.words), clock];
      const many = Object.keys(milliseconds).length;
      setText(status, `Compared with ${clock.words}: ${many} ${many === 1 ? "network" : "networks"}.`);
      draw();
    } catch (error) {
      setText(status, /** @type {Error} */ (error).message);
    }
  };

  start.addEventListener("click", timeNetworks);
  device.start.addEventListener("click", measureDevice);
  convolutions?.start.addEventListener("click", timeConvolutions);
  stop.addEventListener("click", () => engine?.stop());
  saver.addEventListener("click", () => save(toText(results, book), "lightnets-times.json"));
  forget.addEventListener("click", () => {
    kept.write(null);
    [results, others] = [nothing(), []];
    draw();
    setText(status, "This browser has forgotten the times.");
    start.focus();
  });
  mine.input.addEventListener("change", async () => {
    const [file] = mine.input.files ?? [];
    if (file && take(await file.text(), "a file")) kept.write(toText(results, book));
    mine.input.value = "";
  });
  other.input.addEventListener("change", async () => {
    const [file] = other.input.files ?? [];
    if (file) await compare(file);
    other.input.value = "";
  });
  takeDropped(host, (file) => engine ?? compare(file));

  const buttons = make("div", { class: "ln-live-buttons" }, start, stop, saver, forget);
  const files = make("div", { class: "ln-live-buttons" }, mine.label, other.label);
  el.classList.add("ln-live");
  const introduction = make("p", {}, spec.introduction);
  el.append(introduction, choice.details, buttons, bar, now, status, times, chart.el, words, files, device.el);
  if (convolutions) el.append(convolutions.el);
  setWorking(false);
  const before = kept.read();
  if (before) take(before, "this browser");
  const pressed = host.dataset.pressed;
  if (pressed === "start") start.click();
  if (pressed === "choose") {
    choice.details.open = true;
    choice.details.querySelector("summary")?.focus();
  }
  return () => engine?.stop();
}

/** @type {Component["render"]} */
function render({ model, el }) {
  let end = () => {};
  unpack(NETWORKS).then(
    (bytes) => {
      const book = JSON.parse(new TextDecoder().decode(bytes));
      for (const network of Object.values(book)) network.shape = [3, network.side, network.side];
      const place = { el, book, spec: model.get("spec"), shared: model.get("shared") };
      end = /** @type {() => void} */ (show(place));
    },
    (error) => el.append(make("p", { role: "status" }, error.message)),
  );
  return () => end();
}

const time = { render };
export default time;
