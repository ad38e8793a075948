// "Time it": the reader's own device times the book's networks, with the book's own engine.
/** @import { Component } from "../script/mount.js" */
/** @import { Networks, Results } from "./results.js" */
import { round, withLetter } from "../script/axes.js";
import { make, setText } from "../script/dom.js";
import { timeNetwork } from "./clock.js";
import { Engine, EngineError, StoppedError, unpack } from "./engine.js";
import { NETWORKS } from "./networks.js";
import { fromText, isNoise, sentences, toText } from "./results.js";

const KEY = "lightnets.live.time";
const MEGABYTE = 2 ** 20;
const MOST_MEGABYTES = 2048; // what browsers give to one page's kernels everywhere
const DEVICE_SHARE = 0.25; // the part of the device's memory that a page may take

/** Milliseconds by network. @typedef {{ words: string, milliseconds: Record<string, number> }} Recorded */
/** @typedef {{ introduction: string, noise: number, chosen: string[], recorded: Recorded[], where: string }} Shared */

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

/** @param {Recorded[]} recorded */
function makeTable(recorded) {
  const heads = ["here, ms", "spread", "MACs a second", ...recorded.map(({ words }) => `${words}, ms`)];
  const row = make("tr", {}, make("th", { scope: "col" }, "network"));
  row.append(...heads.map((head) => make("th", { scope: "col" }, head)));
  const body = make("tbody");
  const title = "One image: your device, on one core, and this book's records";
  const region = { role: "region", tabindex: 0, "aria-label": title };
  const frame = make("div", region, make("table", { "aria-label": title }, make("thead", {}, row), body));
  // Above the frame, which scrolls sideways on a phone.
  const caption = make("p", { "aria-hidden": "true" }, make("strong", {}, title));
  return { frame: make("div", { class: "ln-live-times" }, caption, frame), body };
}

/** @param {string} output @param {number} value @param {string} text */
const makeNumber = (output, value, text) =>
  make("td", {}, make("span", { "data-output": output, "data-value": value }, text));

/** @param {string} name @param {Results} results @param {Networks} networks @param {Shared} shared */
function makeRow(name, { times }, networks, { noise, recorded }) {
  const { milliseconds, spread } = times[name];
  const speed = networks[name].macs / milliseconds * 1000;
  const cells = isNoise(times[name], noise)
    ? [make("td", {}, "noise"), makeNumber("spread", spread, `${round(100 * spread, 2)} %`), make("td", {}, "–")]
    : [
      makeNumber("milliseconds", milliseconds, round(milliseconds, 3)),
      makeNumber("spread", spread, `${round(100 * spread, 2)} %`),
      makeNumber("macs_per_second", speed, withLetter(speed, 3)),
    ];
  const others = recorded.map((one) =>
    make("td", {}, name in one.milliseconds ? round(one.milliseconds[name], 3) : "–")
  );
  return make(
    "tr",
    { "data-live-row": "", "data-network": name },
    make("th", { scope: "row" }, name),
    ...cells,
    ...others,
  );
}

/** Let the browser save a text. @param {string} text @param {string} name */
function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  make("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
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

/** A sentence on what went wrong. @param {unknown} error @param {string} name @param {Networks[string]} network */
function explain(error, name, network) {
  if (error instanceof EngineError) return error.message;
  const { name: kind, message } = /** @type {Error} */ (error);
  if (kind !== "RangeError") return `${name} was not timed: ${message}.`;
  return `${name} was not timed: it needs about ${megabytesOf(network)} MB of memory, and this browser gives less.`;
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
  const bar = make("progress", { "aria-label": "Networks timed", value: 0 });
  const status = make("p", { role: "status" });
  const table = makeTable(shared.recorded);
  const words = make("div", { class: "ln-live-words" });
  /** @type {Results} */
  let results = { date: "", browser: "", times: {} };
  /** @type {Engine | null} */
  let engine = null;

  const draw = () => {
    const names = Object.keys(networks).filter((name) => name in results.times);
    table.body.replaceChildren(...names.map((name) => makeRow(name, results, networks, shared)));
    table.frame.hidden = saver.hidden = forget.hidden = !names.length;
    const found = engine || !names.length ? [] : [...sentences(results, networks, shared.noise), shared.where];
    words.replaceChildren(...found.map((sentence) => make("p", {}, sentence)));
  };

  /** @param {boolean} working */
  const setWorking = (working) => {
    host.setAttribute("aria-busy", String(working));
    start.hidden = loading.hidden = working;
    stop.hidden = bar.hidden = !working;
    choice.fieldset.disabled = saver.disabled = forget.disabled = working;
    draw();
  };

  const run = async () => {
    const names = choice.names();
    if (!names.length) return setText(status, "No network is chosen: choose at least one above.");
    results = { date: new Date().toISOString(), browser: navigator.userAgent, times: {} };
    const mine = engine = new Engine();
    setWorking(true);
    stop.focus();
    bar.max = names.length;
    let at = 0;
    let said = "";
    try {
      await mine.start();
      for (; at < names.length; at++) {
        bar.value = at;
        setText(status, `Timing ${names[at]}, ${at + 1} of ${names.length}.`);
        results.times[names[at]] = await timeNetwork(mine, networks[names[at]], shared.noise);
        draw();
      }
      said = `${at} ${at === 1 ? "network was" : "networks were"} timed.`;
    } catch (error) {
      said = error instanceof StoppedError
        ? `Stopped: ${at} of ${names.length} networks were timed.`
        : explain(error, names[at], networks[names[at]]);
    }
    mine.stop();
    engine = null;
    setWorking(false);
    setText(status, said);
    start.focus();
    if (at) kept.write(toText(results));
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

  start.addEventListener("click", run);
  stop.addEventListener("click", () => engine?.stop());
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
  el.append(introduction, choice.details, buttons, bar, status, table.frame, words);
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
