// The controls above the chart of a board.
/** @import { Board } from "./board.js" */
/** @import { Column, Row, Spec, State, View } from "./rows.js" */
import { make, makeId } from "../script/dom.js";
import { columnOf, filterColumns, meant, numberColumns, offersFront, optionalColumns, order, setsOf } from "./rows.js";

/** @param {string} label @param {HTMLElement} input @param {...HTMLElement} more */
function makeField(label, input, ...more) {
  input.id = makeId("lx");
  return make("div", { class: "lx-field" }, make("label", { for: input.id }, label), input, ...more);
}

/**
 * @param {string} name @param {[value: string, text: string][]} options @param {(value: string) => void} change
 * @param {[label: string, options: [value: string, text: string][]][]} groups More options, under a label each.
 */
function makeSelect(name, options, change, groups = []) {
  const makeOption = (/** @type {[string, string]} */ [value, text]) => make("option", { value }, text);
  const entries = [
    ...options.map(makeOption),
    ...groups.map(([label, more]) => make("optgroup", { label }, ...more.map(makeOption))),
  ];
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

/** A name with a capital letter. @param {string} text */
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** @param {Column} column @returns {[value: string, text: string]} */
const asOption = ({ key, heading }) => [key, heading];

/** The column that gives a set its unit; what a budget is called. @param {Spec} spec @param {string} key */
function budgetName(spec, key) {
  const set = setsOf(spec).get(key);
  const { heading, unit } = set ? set[0] : columnOf(spec, key);
  const name = set ? capital(key) : heading;
  return `${name} at most${unit && `, ${unit}`}`;
}

export class Controls {
  /** @param {Spec} spec @param {Row[]} rows @param {Board} board */
  constructor(spec, rows, board) {
    this.spec = spec;
    const sets = [...setsOf(spec)];
    const single = numberColumns(spec).filter(({ among }) => !among).map(asOption);
    const groups = sets.map((
      [name, set],
    ) => /** @type {[string, [string, string][]]} */ ([capital(name), set.map(asOption)]));
    this.x = makeSelect("x", single, (x) => board.lay(x), groups);
    this.y = makeSelect("y", single, (y) => board.change({ y }), groups);
    const setLog = (/** @type {string} */ key, /** @type {boolean} */ on) =>
      board.change({ log: { ...board.state.log, [key]: on } });
    this.xLog = makeCheck("x_log", "logarithmic", "horizontal axis ", (on) => setLog(board.state.x, on));
    this.yLog = makeCheck("y_log", "logarithmic", "vertical axis ", (on) => setLog(board.state.y, on));
    this.find = make("input", { type: "search", name: "find", autocomplete: "off", spellcheck: "false" });
    this.find.addEventListener("input", () => board.look(this.find.value));
    this.filters = filterColumns(spec).map(({ key, heading }) => ({
      key,
      heading,
      select: makeSelect(
        `filter_${key}`,
        filterOptions(rows, key),
        (text) => board.change({ filter: { ...board.state.filter, [key]: text } }),
      ),
    }));
    this.sets = sets.map(([name, set]) => ({
      name,
      select: makeSelect(`chosen_${name}`, set.map(asOption), (key) => board.choose(name, key)),
    }));
    this.budgets = spec.budgets.map((key) => {
      const input = make("input", { type: "number", name: `most_${key}`, min: 0, step: "any", autocomplete: "off" });
      input.addEventListener("input", () => {
        const { scale } = meant(spec, board.state, key);
        const most = input.value === "" || !(input.valueAsNumber >= 0) ? null : input.valueAsNumber * scale;
        board.change({ most: { ...board.state.most, [key]: most } });
      });
      return { key, input };
    });
    this.columns = optionalColumns(spec).map(({ key, heading }) => ({
      key,
      check: makeCheck(
        `seen_${key}`,
        heading,
        "column ",
        (on) => board.change({ seen: { ...board.state.seen, [key]: on } }),
      ),
    }));
    this.axes = spec.axes.map((key) => this.makeAxis(key, board));
    this.front = makeCheck("pareto", "Pareto front", "", (front) => board.change({ front }));
    this.frontHelp = make("span", { class: "lx-note" });
    this.element = make("div", { class: "lx-controls" }, ...(spec.axes.length ? this.ofMap() : this.ofBoard()));
    /** What stands over the table. */
    this.fold = make(
      "details",
      { class: "lx-columns" },
      make("summary", {}, "Columns"),
      make("div", {}, ...this.columns.map(({ check }) => check.label)),
    );
  }

  /** A button of a map: what lies across. @param {string} key @param {Board} board */
  makeAxis(key, board) {
    const { spec } = this;
    const input = make("input", { type: "radio", name: `${spec.name}_across`, value: key, autocomplete: "off" });
    input.addEventListener("input", () => board.lay(meant(spec, board.state, key).key));
    const name = setsOf(spec).has(key) ? capital(key) : columnOf(spec, key).heading;
    return { key, input, label: make("label", { class: "lx-check" }, input, name) };
  }

  ofMap() {
    const axes = make(
      "fieldset",
      { class: "lx-axes" },
      make("legend", {}, "Across"),
      ...this.axes.map(({ label }) => label),
    );
    return [axes, ...this.setFields()];
  }

  ofBoard() {
    const { spec } = this;
    return [
      makeField("Vertical axis", this.y, this.yLog.label),
      makeField("Horizontal axis", this.x, this.xLog.label),
      ...this.setFields(),
      makeField(`Find ${columnOf(spec, spec.label).heading.toLowerCase()}`, this.find),
      ...this.filters.map(({ heading, select }) => makeField(heading, select)),
      ...this.budgets.map(({ key, input }) => makeField(budgetName(spec, key), input)),
      offersFront(spec) ? make("div", { class: "lx-field lx-front" }, this.front.label, this.frontHelp) : null,
    ].filter((field) => field !== null);
  }

  setFields() {
    return this.sets.map(({ name, select }) => makeField(capital(name), select));
  }

  /** @param {State} state @param {View} view */
  show(state, view) {
    const { spec } = this;
    this.x.value = state.x;
    this.y.value = state.y;
    this.xLog.input.checked = view.xLog;
    this.yLog.input.checked = view.yLog;
    if (this.find.value !== state.find) this.find.value = state.find;
    for (const { key, select } of this.filters) select.value = state.filter[key];
    for (const { name, select } of this.sets) select.value = state.chosen[name];
    for (const { key, check } of this.columns) check.input.checked = state.seen[key];
    for (const { key, input } of this.axes) input.checked = meant(spec, state, key).key === state.x;
    for (const { key, input } of this.budgets) {
      const most = state.most[key];
      const { scale } = meant(spec, state, key);
      if (most === null ? input.value !== "" && !input.validity.badInput : input.valueAsNumber * scale !== most) {
        input.value = most === null ? "" : String(Number((most / scale).toPrecision(12)));
      }
    }
    this.front.input.checked = state.front && view.possible;
    this.front.input.disabled = !view.possible;
    this.frontHelp.textContent = view.possible
      ? `the ${spec.things} that no other beats`
      : "needs two axes with a better end";
  }
}

/** @param {Row[]} rows @param {string} key @returns {[value: string, text: string][]} */
function filterOptions(rows, key) {
  const texts = [...new Set(rows.map(({ cells }) => cells[key].text))];
  texts.sort((a, b) => order(a.toLowerCase(), b.toLowerCase()));
  return [["", "all"], ...texts.map((text) => /** @type {[string, string]} */ ([text, text]))];
}
