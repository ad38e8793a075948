// "Time it": the reader's own device times the book's networks, with the book's own engine.
/** @import { Component } from "../script/mount.js" */
/** @import { Place } from "./cells.js" */
/** @import { Clock } from "./chart.js" */
/** @import { Timed, Timing } from "./clock.js" */
/** @import { CheckedGpuEngine } from "./gpu_check.js" */
/** @import { Profile } from "./profile.js" */
/** @import { Network, Networks, Results } from "./results.js" */
import { round } from "../script/axes.js";
import { make, setText } from "../script/dom.js";
import { makeNumber, makeTable, placedName, placeWords, timingCells } from "./cells.js";
import { makeChart } from "./chart.js";
import { makeChoice, megabytesOf } from "./choice.js";
import { isNoise, MORE_ROUNDS, ROUNDS, timeInTurns } from "./clock.js";
import { makeConvolutions } from "./convolutions.js";
import { judge, makeDevice } from "./device.js";
import { EngineError, StoppedError, unpack } from "./beside.js";
import { Engine } from "./engine.js";
import { makeGraphicsEngine, makePlaces } from "./graphics.js";
import { kept, save, takeDropped } from "./kept.js";
import { NETWORKS } from "./networks.js";
import { makeProbes, makeProfile, predict } from "./profile.js";
import { makeOthers } from "./others.js";
import { compareSpeeds, dayOf, fromText, sentences, toText } from "./results.js";

const PROFILE = { rounds: 1, more: 1 }; // the reader waits for it: less than 20 seconds
const PROCESSOR = /** @type {Place[]} */ (["processor"]);

/** What all pages share. @typedef {{ noise: number, recorded: Clock[], where: string, graphics_kilobytes: number }} Shared */
/**
 * What this page asks for: which networks are checked at first, which two are compared, what the ratio of their times
 * is on other clocks, and networks of its own.
 * @typedef {{ introduction: string, chosen: string[], pairs: [string, string][], beside: Record<string, number>[],
 *   own: Networks, layer: boolean }} Spec
 */
/** @typedef {{ el: HTMLElement, book: Networks, spec: Spec, shared: Shared }} Shown */

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
  return `${name} was not timed: this browser does not give so much memory${needed}.`;
}

/** @returns {Results} */
const nothing = () => ({ date: "", browser: "", times: {} });

/** @param {Shown} shown */
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
  const places = makePlaces(shared.graphics_kilobytes);
  const convolutions = spec.layer ? makeConvolutions(noise) : null;
  const others = makeOthers(networks, noise, (sentence) => {
    draw();
    setText(status, sentence);
  });
  const files = make("div", { class: "ln-live-buttons" }, mine.label, other.label, others.list);
  let results = nothing();
  /** @type {Profile | null} */
  let profile = null;
  /** @type {Engine | CheckedGpuEngine | null} */
  let engine = null;
  let busy = false;
  let stopped = false; // since the last press

  /** Times by place. @returns {Record<Place, Record<string, Timing>>} */
  const timesOf = () => ({ processor: results.times, graphics: results.graphics?.times ?? {} });

  /** @param {string} name @param {Place} place @param {Clock[]} clocks */
  const makeRow = (name, place, clocks) => {
    const own = place === "processor";
    const predicted = own && profile ? predict(networks[name].rows, networks[name].shape, profile.costs) : null;
    const timing = timesOf()[place][name];
    const other = (/** @type {Clock} */ { milliseconds }) =>
      own && name in milliseconds ? round(milliseconds[name], 3) : "–";
    return make(
      "tr",
      { "data-live-row": "", "data-network": name, "data-place": place },
      placedName(name, place),
      ...(timing
        ? timingCells(timing, networks[name].macs, noise)
        : ["–", "–", "–"].map((text) => make("td", {}, text))),
      ...(predicted === null
        ? profile ? [make("td", {}, "–")] : []
        : [makeNumber("predicted", predicted, round(predicted, 3))]),
      ...clocks.map((clock) => make("td", {}, other(clock))),
    );
  };

  /** What was not refused, for the chart. @param {string} what @param {Record<string, Timing>} found @returns {Clock} */
  const asClock = (what, found) => {
    const quiet = Object.entries(found).filter(([, timing]) => !isNoise(timing, noise));
    return {
      words: what,
      milliseconds: Object.fromEntries(quiet.map(([name, { milliseconds }]) => [name, milliseconds])),
    };
  };

  const draw = () => {
    const chosen = profile ? choice.names() : [];
    const found = timesOf();
    const clocks = [...shared.recorded, ...others.clocks()];
    const elsewhere = others.clocks().flatMap(({ milliseconds }) => Object.keys(milliseconds));
    const heads = ["network", "here, ms", "spread", "MACs a second"];
    if (profile) heads.push("predicted, ms");
    const title = "One image: your device, on one core, and others";
    const table = makeTable(title, [...heads, ...clocks.map((clock) => `${clock.words}, ms`)]);
    const rows = Object.keys(networks).flatMap((name) => [
      ...(name in found.processor || [...chosen, ...elsewhere].includes(name)
        ? [makeRow(name, "processor", clocks)]
        : []),
      ...(name in found.graphics ? [makeRow(name, "graphics", clocks)] : []),
    ]);
    table.body.append(...rows);
    times.replaceChildren(...(rows.length ? [table.frame] : []));
    const any = Object.keys({ ...found.processor, ...found.graphics }).length > 0;
    saver.hidden = forget.hidden = !any;
    const graphics = results.graphics ? [asClock("its graphics chip", found.graphics)] : [];
    chart.show([asClock("this device", found.processor), ...graphics, ...clocks]);
    const said = busy || !any ? [] : [...sentences(results, networks, noise, spec.pairs, spec.beside), shared.where];
    const compared = said.length ? compareSpeeds(results, networks, noise, shared.recorded) : "";
    if (compared) said.splice(-1, 0, compared);
    if (profile && !busy) said.unshift(judge(profile, networks, results, noise));
    words.replaceChildren(...said.map((sentence) => make("p", {}, sentence)));
  };

  /** @param {boolean} working */
  const setWorking = (working) => {
    host.setAttribute("aria-busy", String(working));
    start.hidden = files.hidden = working;
    stop.hidden = bar.hidden = now.hidden = !working;
    for (const part of [choice, places, device, convolutions]) if (part) part.fieldset.disabled = working;
    saver.disabled = forget.disabled = working;
    draw();
  };

  /**
   * Start an engine, and find out which things it can be trusted with.
   * @template {Timed} T @param {T[]} things @param {Place} place @param {string[]} refused Sentences are added.
   */
  const prepare = async (things, place, refused) => {
    if (place === "processor") {
      const mine = engine = new Engine();
      await mine.start();
      return { mine, trusted: things };
    }
    const mine = engine = await makeGraphicsEngine();
    await mine.start();
    if (stopped) throw new StoppedError();
    setText(status, "Comparing what the graphics chip computes with what the processor computes.");
    const found = await mine.check(things, (at) => setText(now, `${things[at].name}, ${at + 1} of ${things.length}`));
    refused.push(...found.refused);
    return { mine, trusted: found.agreed };
  };

  /**
   * Time some things in turns, and say so; gives how many were timed.
   * @param {Timed[]} things @param {(name: string, timing: Timing, place: Place) => void} take
   * @param {string} what They are, in the plural. @param {HTMLElement} button The one that was pressed.
   * @param {{ rounds?: number, more?: number, where?: Place[], finish?: () => void }} [how] What to do at the end, if
   * all were timed; more rounds are for those that were disturbed.
   */
  const work = async (things, take, what, button, how = {}) => {
    const { rounds = ROUNDS, more = MORE_ROUNDS, where = places.chosen(), finish } = how;
    busy = true;
    stopped = false;
    setWorking(true);
    stop.focus();
    bar.max = rounds * things.length * where.length;
    bar.value = 0;
    let current = things[0];
    const timed = { processor: new Set(), graphics: new Set() };
    /** @type {string[]} */
    const refused = [];
    const count = () => {
      const [first, ...more] = where.map((place) => ({
        number: `${timed[place].size} of ${things.length}`,
        there: where.length > 1 || place === "graphics" ? ` on the ${placeWords[place]}` : "",
      }));
      const others = more.map(({ number, there }) => ` and ${number}${there}`).join("");
      return `${first.number} ${what} were timed${first.there}${others}.`;
    };
    let said = "";
    try {
      for (const place of where) {
        const { mine, trusted } = await prepare(things, place, refused);
        await timeInTurns(
          mine,
          trusted,
          noise,
          {
            begin: (round, at) => {
              current = trusted[at];
              const again = "Timing those again that were disturbed.";
              setText(status, round > rounds ? again : `Round ${round} of ${rounds}.`);
              setText(now, `${current.name}, ${at + 1} of ${trusted.length}`);
            },
            end: (at, timing) => {
              timed[place].add(at);
              take(trusted[at].name, timing, place);
              bar.value += 1;
            },
            refuse: (at) => refused.push(explainMemory(networks[trusted[at].name], trusted[at].name)),
          },
          rounds,
          more,
        );
        mine.stop();
      }
      if (finish && timed.processor.size === things.length) {
        finish();
        await new Promise((resolve) => setTimeout(resolve)); // what is drawn next is another task
      }
      said = [`Done: ${count()}`, ...refused].join(" ");
    } catch (error) {
      const why = stopped || error instanceof StoppedError ? `Stopped: ${count()}` : explain(error, current.name);
      said = [why, ...refused].join(" ");
    }
    engine?.stop();
    engine = null;
    busy = false;
    setWorking(false);
    setText(status, said);
    button.focus();
    return timed.processor.size + timed.graphics.size;
  };

  const timeNetworks = async () => {
    const names = choice.names();
    if (!names.length) return setText(status, "No network is chosen: choose at least one above.");
    // Times of this browser stay until they are taken again; those of a file were another's.
    const mine = results.browser === navigator.userAgent;
    const without = (/** @type {Record<string, Timing>} */ all) =>
      Object.fromEntries(Object.entries(all).filter(([name]) => mine && !names.includes(name)));
    const { times: before, graphics } = results;
    results = { date: new Date().toISOString(), browser: navigator.userAgent, times: without(before) };
    if (mine && graphics) results.graphics = { ...graphics, times: without(graphics.times) };
    const take = (/** @type {string} */ name, /** @type {Timing} */ timing, /** @type {Place} */ place) => {
      if (place === "processor") results.times[name] = timing;
      else {
        const { name: chip, software } = /** @type {CheckedGpuEngine} */ (engine);
        results.graphics ??= { chip, software, times: {} };
        results.graphics.times[name] = timing;
      }
      draw();
    };
    const things = names.map((name) => ({ name, ...networks[name] }));
    if (await work(things, take, "networks", start)) kept.write(toText(results, book));
  };

  const timeConvolutions = () => {
    if (!convolutions) return;
    const { described, draw: drawLayers, start: button } = convolutions;
    const four = described();
    /** @type {Record<Place, Record<string, Timing>>} */
    const found = { processor: {}, graphics: {} };
    drawLayers(four, found);
    const take = (/** @type {string} */ name, /** @type {Timing} */ timing, /** @type {Place} */ place) => {
      found[place][name] = timing;
      drawLayers(four, found);
    };
    return work(four, take, "convolutions", button);
  };

  const measureDevice = () => {
    const probes = makeProbes();
    /** @type {Record<string, Timing>} */
    const found = {};
    const take = (/** @type {string} */ name, /** @type {Timing} */ timing) => found[name] = timing;
    const finish = () => {
      profile = makeProfile(probes, found);
      device.draw(profile);
    };
    return work(probes, take, "layers", device.start, { ...PROFILE, where: PROCESSOR, finish });
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

  start.addEventListener("click", timeNetworks);
  device.start.addEventListener("click", measureDevice);
  convolutions?.start.addEventListener("click", timeConvolutions);
  stop.addEventListener("click", () => {
    stopped = true;
    engine?.stop();
  });
  saver.addEventListener("click", () => save(toText(results, book), "lightnets-times.json"));
  forget.addEventListener("click", () => {
    kept.write(null);
    results = nothing();
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
    if (file) await others.add(file);
    other.input.value = "";
  });
  takeDropped(host, (file) => busy || others.add(file));

  const buttons = make("div", { class: "ln-live-buttons" }, start, stop, saver, forget);
  el.classList.add("ln-live");
  const introduction = make("p", {}, spec.introduction);
  el.append(
    introduction,
    choice.details,
    places.el,
    buttons,
    bar,
    now,
    status,
    times,
    chart.el,
    words,
    files,
    device.el,
  );
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
      const shown = { el, book, spec: model.get("spec"), shared: model.get("shared") };
      end = /** @type {() => void} */ (show(shown));
    },
    (error) => el.append(make("p", { role: "status" }, error.message)),
  );
  return () => end();
}

const time = { render };
export default time;
