// "Time it": the reader's own device times the book's networks, with the book's own engine.
/** @import { Component } from "../script/mount.js" */
/** @import { Place } from "./cells.js" */
/** @import { Timed, Timing } from "./clock.js" */
/** @import { CheckedGpuEngine } from "./gpu_check.js" */
/** @import { Networks, Results } from "./results.js" */
import { round } from "../script/axes.js";
import { make, setText } from "../script/dom.js";
import { makeTable, placedName, placeWords, timingCells } from "./cells.js";
import { ROUNDS, timeInTurns } from "./clock.js";
import { makeConvolutions } from "./convolutions.js";
import { Engine, EngineError, StoppedError, unpack } from "./engine.js";
import { makeGraphicsEngine, makePlaces } from "./graphics.js";
import { NETWORKS } from "./networks.js";
import { fromText, sentences, toText } from "./results.js";

const KEY = "lightnets.live.time";
const MEGABYTE = 2 ** 20;
const MOST_MEGABYTES = 2048; // what browsers give to one page's kernels everywhere
const DEVICE_SHARE = 0.25; // the part of the device's memory that a page may take

/** Milliseconds by network. @typedef {{ words: string, milliseconds: Record<string, number> }} Recorded */
/** @typedef {{ introduction: string, noise: number, chosen: string[], recorded: Recorded[], where: string, graphics_kilobytes: number }} Shared */

/** How many megabytes a network needs at most: its weights, and all maps of which three are in use at once. */
function megabytesOf(/** @type {Networks[string]} */ { rows, side }) {
  let weights = 0;
  /** @type {number[][]} */
  const shapes = [[3, side, side]];
  rows.forEach(([op, [back], shape, [kernel, , , groups]], at) => {
    const [channels] = shapes[at + 1 - back];
    if (op === "linear") weights += channels * shape[0];
    if (op === "conv") weights += channels / groups * kernel ** 2 * shape[0];
    shapes.push(shape);
  });
  const maps = shapes.map(([channels, height, width]) => channels * height * width).sort((a, b) => b - a);
  return Math.ceil(4 * (weights + maps[0] + maps[1] + maps[2]) / MEGABYTE);
}

/** What the reader can time: a checkbox for each network. @param {Networks} networks @param {string[]} chosen */
function makeChoice(networks, chosen) {
  const device = /** @type {{ deviceMemory?: number }} */ (navigator).deviceMemory;
  const most = Math.min(MOST_MEGABYTES, (device ?? Infinity) * 1024 * DEVICE_SHARE);
  const inputs = Object.keys(networks).map((name) => {
    const input = make("input", { type: "checkbox", name: "network", value: name, autocomplete: "off" });
    input.checked = chosen.includes(name);
    return input;
  });
  const labels = inputs.map((input) => {
    const { macs, side } = networks[input.value];
    const needed = megabytesOf(networks[input.value]);
    input.disabled = needed > most;
    const why = input.disabled ? `: needs ${needed} MB of memory, more than this device can spare` : "";
    const words = `${input.value} (${Math.round(macs / 1e6)} M MACs, ${side} × ${side}${why})`;
    return make("label", {}, input, make("span", {}, words));
  });
  const summary = make("summary");
  const legend = make("legend", {}, "Networks");
  const fieldset = make("fieldset", {}, legend, make("div", {}, ...labels));
  const details = make("details", {}, summary, fieldset);
  const names = () => inputs.filter(({ checked }) => checked).map(({ value }) => value);
  const say = () => setText(summary, `Networks: ${names().length} of ${inputs.length} chosen`);
  details.addEventListener("change", say);
  say();
  return { details, fieldset, names };
}

/** @param {string} name @param {Place} place @param {Timing} timing @param {Networks} networks @param {Shared} shared */
function makeRow(name, place, timing, networks, { noise, recorded }) {
  const others = recorded.map(({ milliseconds }) =>
    make("td", {}, place === "processor" && name in milliseconds ? round(milliseconds[name], 3) : "–")
  );
  return make(
    "tr",
    { "data-live-row": "", "data-network": name, "data-place": place },
    placedName(name, place),
    ...timingCells(timing, networks[name].macs, noise),
    ...others,
  );
}

/** Let the browser save a text. @param {string} text @param {string} name */
function save(text, name) {
  make("a", { href: `data:application/json,${encodeURIComponent(text)}`, download: name }).click();
}

/** What this browser keeps; it may keep nothing. */
const kept = {
  read() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  },
  /** @param {string | null} text */
  write(text) {
    try {
      if (text === null) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, text);
    } catch {
      // Then it lasts as long as the page.
    }
  },
};

/** @param {string} action @param {string} text */
const makeButton = (action, text) => make("button", { type: "button", "data-action": action }, text);

/**
 * A sentence on what went wrong.
 * @param {unknown} error @param {string} name @param {Networks[string] | undefined} network
 */
function explain(error, name, network) {
  if (error instanceof EngineError) return error.message;
  const { name: kind, message } = /** @type {Error} */ (error);
  if (kind !== "RangeError") return `${name} was not timed: ${message}.`;
  const needed = network ? `: it needs about ${megabytesOf(network)} MB` : "";
  return `${name} was not timed: this browser does not give so much memory${needed}.`;
}

/** @param {{ el: HTMLElement, networks: Networks, shared: Shared }} place */
function show({ el, networks, shared }) {
  const host = /** @type {HTMLElement} */ (el.closest("[data-live]") ?? el);
  host.dataset.live = "time";
  const choice = makeChoice(networks, shared.chosen);
  const [start, stop] = [makeButton("start", "Time these networks"), makeButton("stop", "Stop")];
  const [saver, forget] = [makeButton("save", "Save as a file"), makeButton("forget", "Forget")];
  const loader = make("input", { type: "file", accept: ".json,application/json" });
  const loading = make("label", {}, make("span", {}, "Load a file"), loader);
  const bar = make("progress", { "aria-label": "How much is timed", value: 0 });
  const now = make("p", { "aria-hidden": "true", class: "ln-live-words" });
  const status = make("p", { role: "status" });
  const heads = shared.recorded.map(({ words }) => `${words}, ms`);
  const title = "One image: your device, on one core, and this book's records";
  const table = makeTable(title, ["network", "here, ms", "spread", "MACs a second", ...heads]);
  const convolutions = makeConvolutions(shared.noise);
  const places = makePlaces(shared.graphics_kilobytes);
  const words = make("div", { class: "ln-live-words" });
  /** @type {Results} */
  let results = { date: "", browser: "", times: {} };
  /** @type {Engine | CheckedGpuEngine | null} */
  let engine = null;
  let busy = false;
  let stopped = false; // since the last press

  const draw = () => {
    const times = { processor: results.times, graphics: results.graphics?.times ?? {} };
    const rows = Object.keys(networks).flatMap((name) =>
      /** @type {Place[]} */ (["processor", "graphics"]).filter((place) => name in times[place])
        .map((place) => makeRow(name, place, times[place][name], networks, shared))
    );
    table.body.replaceChildren(...rows);
    table.frame.hidden = saver.hidden = forget.hidden = !rows.length;
    const found = busy || !rows.length ? [] : [...sentences(results, networks, shared.noise), shared.where];
    words.replaceChildren(...found.map((sentence) => make("p", {}, sentence)));
  };

  /** @param {boolean} working */
  const setWorking = (working) => {
    host.setAttribute("aria-busy", String(working));
    start.hidden = loading.hidden = working;
    stop.hidden = bar.hidden = now.hidden = !working;
    choice.fieldset.disabled =
      places.fieldset.disabled =
      convolutions.fieldset.disabled =
      saver.disabled =
      forget.disabled =
        working;
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
   */
  const work = async (things, take, what, button) => {
    const chosen = places.chosen();
    busy = true;
    stopped = false;
    setWorking(true);
    stop.focus();
    bar.max = ROUNDS * things.length * chosen.length;
    bar.value = 0;
    let current = things[0];
    const timed = { processor: new Set(), graphics: new Set() };
    /** @type {string[]} */
    const refused = [];
    const count = () => {
      const [first, ...others] = chosen.map((place) => ({
        number: `${timed[place].size} of ${things.length}`,
        where: chosen.length > 1 || place === "graphics" ? ` on the ${placeWords[place]}` : "",
      }));
      const more = others.map(({ number, where }) => ` and ${number}${where}`).join("");
      return `${first.number} ${what} were timed${first.where}${more}.`;
    };
    let said = "";
    try {
      for (const place of chosen) {
        const { mine, trusted } = await prepare(things, place, refused);
        await timeInTurns(mine, trusted, shared.noise, {
          begin: (round, at) => {
            current = trusted[at];
            const again = "Timing those again that were disturbed.";
            setText(status, round > ROUNDS ? again : `Round ${round} of ${ROUNDS}.`);
            setText(now, `${current.name}, ${at + 1} of ${trusted.length}`);
          },
          end: (at, timing) => {
            timed[place].add(at);
            take(trusted[at].name, timing, place);
            bar.value += 1;
          },
        });
        mine.stop();
      }
      said = [`Done: ${count()}`, ...refused].join(" ");
    } catch (error) {
      said = stopped || error instanceof StoppedError
        ? `Stopped: ${count()}`
        : explain(error, current.name, networks[current.name]);
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
    results = { date: new Date().toISOString(), browser: navigator.userAgent, times: {} };
    const things = names.map((name) => {
      const { rows, side } = networks[name];
      return { name, rows, shape: [3, side, side] };
    });
    const take = (/** @type {string} */ name, /** @type {Timing} */ timing, /** @type {Place} */ place) => {
      if (place === "processor") results.times[name] = timing;
      else {
        const { name: chip, software } = /** @type {CheckedGpuEngine} */ (engine);
        results.graphics ??= { chip, software, times: {} };
        results.graphics.times[name] = timing;
      }
      draw();
    };
    if (await work(things, take, "networks", start)) kept.write(toText(results));
  };

  const timeConvolutions = () => {
    const four = convolutions.described();
    /** @type {Record<Place, Record<string, Timing>>} */
    const times = { processor: {}, graphics: {} };
    convolutions.draw(four, times);
    const take = (/** @type {string} */ name, /** @type {Timing} */ timing, /** @type {Place} */ place) => {
      times[place][name] = timing;
      convolutions.draw(four, times);
    };
    return work(four, take, "convolutions", convolutions.start);
  };

  /** @param {string} text @param {string} where */
  const take = (text, where) => {
    try {
      results = fromText(text, networks);
      const day = new Date(results.date).toLocaleDateString("en-GB", { dateStyle: "long" });
      setText(status, `These times are of ${day}, from ${where}.`);
      draw();
      return true;
    } catch (error) {
      setText(status, /** @type {Error} */ (error).message);
      return false;
    }
  };

  start.addEventListener("click", timeNetworks);
  convolutions.start.addEventListener("click", timeConvolutions);
  stop.addEventListener("click", () => {
    stopped = true;
    engine?.stop();
  });
  saver.addEventListener("click", () => save(toText(results), "lightnets-times.json"));
  forget.addEventListener("click", () => {
    kept.write(null);
    results = { date: "", browser: "", times: {} };
    draw();
    setText(status, "This browser has forgotten the times.");
    start.focus();
  });
  loader.addEventListener("change", async () => {
    const [file] = loader.files ?? [];
    if (file && take(await file.text(), "a file")) kept.write(toText(results));
    loader.value = "";
  });

  const buttons = make("div", { class: "ln-live-buttons" }, start, stop, saver, forget, loading);
  el.classList.add("ln-live");
  const introduction = make("p", {}, shared.introduction);
  el.append(introduction, choice.details, places.el, buttons, bar, now, status, table.frame, words, convolutions.el);
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
      const networks = JSON.parse(new TextDecoder().decode(bytes));
      end = /** @type {() => void} */ (show({ el, networks, shared: model.get("shared") }));
    },
    (error) => el.append(make("p", { role: "status" }, error.message)),
  );
  return () => end();
}

const time = { render };
export default time;
