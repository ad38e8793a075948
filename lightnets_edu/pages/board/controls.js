// The controls above the chart of a board.
/** @import { Board } from "./board.js" */
/** @import { Row, Spec, State, View } from "./rows.js" */
import { make, makeId } from "../script/dom.js";
import { columnOf, filterColumns, numberColumns, offersFront, order } from "./rows.js";

/** @param {string} label @param {HTMLElement} input @param {...HTMLElement} more */
function makeField(label, input, ...more) {
  input.id = makeId("lx");
  return make("div", { class: "lx-field" }, make("label", { for: input.id }, label), input, ...more);
}

/** @param {string} name @param {[value: string, text: string][]} options @param {(value: string) => void} change */
function makeSelect(name, options, change) {
  const entries = options.map(([value, text]) => make("option", { value }, text));
  const select = make("select", { name, autocomplete: "off" }, ...entries);
  select.addEventListener("input", () => change(select.value));
  return select;
}

/**
 * A check box after its own label, whose name may start with words that only a screen reader says.
 * @param {string} name @param {string} label @param {string} spoken @param {(on: boolean) => void} change
 */
function makeCheck(name, label, spoken, change) {
  const input = make("input", { type: "checkbox", name, autocomplete: "off" });
  input.addEventListener("input", () => change(input.checked));
  const unseen = spoken ? make("span", { class: "lx-unseen" }, spoken) : null;
  return { input, label: make("label", { class: "lx-check" }, input, make("span", {}, unseen, label)) };
}

export class Controls {
  /** @param {Spec} spec @param {Row[]} rows @param {Board} board */
  constructor(spec, rows, board) {
    const axes = numberColumns(spec).map(({ key, heading }) => /** @type {[string, string]} */ ([key, heading]));
    this.x = makeSelect("x", axes, (x) => board.change({ x }));
    this.y = makeSelect("y", axes, (y) => board.change({ y }));
    const setLog = (/** @type {string} */ key, /** @type {boolean} */ on) =>
      board.change({ log: { ...board.state.log, [key]: on } });
    this.xLog = makeCheck("x_log", "logarithmic", "horizontal axis ", (on) => setLog(board.state.x, on));
    this.yLog = makeCheck("y_log", "logarithmic", "vertical axis ", (on) => setLog(board.state.y, on));
    this.find = make("input", { type: "search", name: "find", autocomplete: "off", spellcheck: "false" });
    this.find.addEventListener("input", () => board.change({ find: this.find.value }));
    this.filters = filterColumns(spec).map(({ key, heading }) => ({
      key,
      heading,
      select: makeSelect(
        `filter_${key}`,
        filterOptions(rows, key),
        (text) => board.change({ filter: { ...board.state.filter, [key]: text } }),
      ),
    }));
    this.front = makeCheck("pareto", "Pareto front", "", (front) => board.change({ front }));
    this.frontHelp = make("span", { class: "lx-note" });
    this.things = spec.things;
    this.element = make(
      "div",
      { class: "lx-controls" },
      makeField("Vertical axis", this.y, this.yLog.label),
      makeField("Horizontal axis", this.x, this.xLog.label),
      makeField(`Find ${columnOf(spec, spec.label).heading.toLowerCase()}`, this.find),
      ...this.filters.map(({ heading, select }) => makeField(heading, select)),
      offersFront(spec) ? make("div", { class: "lx-field lx-front" }, this.front.label, this.frontHelp) : null,
    );
  }

  /** @param {State} state @param {View} view */
  show(state, view) {
    this.x.value = state.x;
    this.y.value = state.y;
    this.xLog.input.checked = view.xLog;
    this.yLog.input.checked = view.yLog;
    if (this.find.value !== state.find) this.find.value = state.find;
    for (const { key, select } of this.filters) select.value = state.filter[key];
    this.front.input.checked = state.front && view.possible;
    this.front.input.disabled = !view.possible;
    this.frontHelp.textContent = view.possible
      ? `the ${this.things} that no other beats`
      : "needs two axes with a better end";
  }
}

/** @param {Row[]} rows @param {string} key @returns {[value: string, text: string][]} */
function filterOptions(rows, key) {
  const texts = [...new Set(rows.map(({ cells }) => cells[key].text))];
  texts.sort((a, b) => order(a.toLowerCase(), b.toLowerCase()));
  return [["", "all"], ...texts.map((text) => /** @type {[string, string]} */ ([text, text]))];
}
