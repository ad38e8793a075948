// The engine of every widget: it draws what the specification declares and evaluates its formulas. The same module runs
// in Jupyter and Colab (anywidget) and in the built page (script/mount.js).
/** @import { Component } from "../script/mount.js" */
/** @import { Numbers, Output, Outputs, Settings, ShownOutput, Spec, Table } from "./spec.js" */
import { make, makeId, setText } from "../script/dom.js";
import { makeControl } from "./controls.js";
import { compileSpec, fillMessage, shownSettings } from "./formulas.js";
import { makePicture } from "./pictures.js";

/** @typedef {{ name: string, bar: HTMLElement }[]} Bars The bars of a column, which share the longest. */

/** A number and its unit; the same number may stand in several places. @param {Output} output */
function makeNumber({ name, unit }) {
  return make(
    "dd",
    {},
    make("span", { "data-output": name }),
    unit ? make("span", { class: "ln-unit" }, ` ${unit}`) : null,
  );
}

/** @param {Spec} spec @param {Outputs} outputs */
function makeHeadline(spec, outputs) {
  const numbers = spec.headline.map((name) => {
    const { label, help } = outputs[name];
    const helped = help ? make("dd", { class: "ln-help" }, help) : null;
    return make("div", {}, make("dt", {}, label), makeNumber(outputs[name]), helped);
  });
  return make("dl", { class: "ln-headline" }, ...numbers);
}

/** The outputs that stand nowhere else. @param {Spec} spec */
function makeDetails(spec) {
  const cells = spec.tables.flatMap((table) => table.rows.flatMap((row) => row.cells));
  const elsewhere = new Set([...spec.headline, ...cells]);
  const outputs = spec.outputs.filter(({ name }) => !elsewhere.has(name));
  if (!outputs.length) return null;
  const numbers = outputs.map((output) => {
    const help = output.help ? make("span", { class: "ln-help" }, output.help) : null;
    return make("div", {}, make("dt", {}, output.label, help), makeNumber(output));
  });
  return make("dl", { class: "ln-details" }, ...numbers);
}

/** @param {Table} table @param {Bars[]} bars The columns' bars, which are added here. */
function makeTable(table, bars) {
  const makeCell = (/** @type {string} */ name, /** @type {number} */ column) => {
    const cell = make("td", {}, make("span", { "data-output": name }));
    if (table.bars) {
      const bar = make("i");
      (bars[column] ??= []).push({ name, bar });
      cell.append(make("span", { class: "ln-bar", "aria-hidden": "true" }, bar));
    }
    return cell;
  };
  const rows = table.rows.map(({ label, cells }) =>
    make("tr", {}, make("th", { scope: "row" }, label), ...cells.map(makeCell))
  );
  const head = make("tr", {}, make("td"), ...table.columns.map((column) => make("th", { scope: "col" }, column)));
  const parts = [make("caption", {}, table.caption), make("thead", {}, head), make("tbody", {}, ...rows)];
  return make("table", { class: "ln-table", style: `--ln-columns: ${table.columns.length}` }, ...parts);
}

/** The outputs by name, each with its format. @param {Spec} spec @returns {Outputs} */
function shownOutputs(spec) {
  return Object.fromEntries(spec.outputs.map((output) => {
    const places = output.digits ?? 0;
    const digits = { minimumFractionDigits: places, maximumFractionDigits: places };
    return [output.name, { ...output, number: new Intl.NumberFormat("en-US", digits) }];
  }));
}

/**
 * The whole widget: its title, and below it the parts in the order in which a reader needs them.
 * @param {Spec} spec @param {Element} reset @param {Element[]} controls @param {Element[]} results
 * @param {(Element | null)[]} more @param {Element[]} tables
 */
function makeRoot(spec, reset, controls, results, more, tables) {
  const [title, description] = [makeId("lightnets"), makeId("lightnets")];
  return make(
    "div",
    { class: "ln-widget", role: "group", "aria-labelledby": title, "aria-describedby": description },
    make("div", { class: "ln-top" }, make("p", { class: "ln-title", id: title }, spec.title), reset),
    make("p", { class: "ln-description", id: description }, spec.description),
    make("div", { class: "ln-controls" }, ...controls),
    make("div", { class: "ln-results" }, ...results),
    make("div", { class: "ln-more" }, ...more),
    ...tables,
  );
}

/** @type {Component["render"]} */
function render({ model, el }) {
  /** @type {Spec} */
  const spec = model.get("spec");
  const evaluate = compileSpec(spec);
  const outputs = shownOutputs(spec);
  /** @returns {Settings} */
  const settings = () => Object.fromEntries(spec.controls.map(({ name }) => [name, model.get(name)]));
  const first = settings();
  let busy = false;
  /** @type {Numbers} */
  let values = {};

  const controls = spec.controls.map((control) => ({
    name: control.name,
    ...makeControl(control, (value) => assign({ [control.name]: value }), () => values),
  }));
  const reset = make("button", { type: "button", class: "ln-reset" }, "Reset");
  reset.addEventListener("click", () => assign(first));
  const status = make("p", { class: "ln-status", role: "status", "aria-live": "polite" });
  const bars = spec.tables.map(() => /** @type {Bars[]} */ ([]));
  const pictures = spec.pictures.map((picture) => makePicture(picture, spec, outputs));
  const rows = controls.map(({ row }) => row);
  const more = [makeDetails(spec), ...pictures.map(({ figure }) => figure)];
  const tables = spec.tables.map((table, index) => makeTable(table, bars[index]));
  const root = makeRoot(spec, reset, rows, [makeHeadline(spec, outputs), status], more, tables);
  const numbers = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-output]")]);

  /** Set controls together, so that everything is computed once. @param {Settings} changes */
  function assign(changes) {
    busy = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    busy = false;
    update();
    model.save_changes();
  }

  function update() {
    if (busy) return;
    const [set, data] = [settings(), model.get("data")];
    for (const { name, show } of controls) show(set[name]);
    const result = evaluate(set, data);
    const { broken } = result;
    values = result.values;
    setText(status, broken ? fillMessage(broken.message, { ...values, ...shownSettings(spec, set) }) : "");
    root.classList.toggle("ln-broken", Boolean(broken));
    for (const element of numbers) showNumber(element, outputs, broken ? null : values);
    for (const picture of pictures) picture.show(broken ? null : { values, settings: set, data });
    if (!broken) { for (const column of bars.flat()) showBars(column, values); }
  }

  const events = [...spec.controls.map(({ name }) => `change:${name}`), "change:data"];
  for (const event of events) model.on(event, update);
  el.append(root);
  if (!el.closest("[data-widget]")) el.dataset.widget = spec.name;
  update();
  return () => {
    for (const event of events) model.off(event, update);
  };
}

/** @param {HTMLElement} element @param {Outputs} outputs @param {Numbers | null} values Null where there are none. */
function showNumber(element, outputs, values) {
  const { name, number, words, alarm } = outputs[element.dataset.output ?? ""];
  if (values) element.dataset.value = String(values[name]);
  else delete element.dataset.value;
  setText(element, values ? words[values[name]] ?? number.format(values[name]) : "–");
  element.classList.toggle("ln-alarm", alarm !== null && values !== null && values[name] >= alarm);
}

/** @param {Bars} column @param {Numbers} values */
function showBars(column, values) {
  const longest = Math.max(...column.map(({ name }) => values[name]), 1e-300);
  for (const { name, bar } of column) bar.style.transform = `scaleX(${Math.max(0, values[name] / longest)})`;
}

const widget = { render };
export default widget;
