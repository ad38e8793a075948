// What Python sends for a board (explore.py), the rows as they are read from its table, and the view of them.
import { paretoFront } from "../script/statistics.js";

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} heading
 * @property {string} unit
 * @property {string} title The heading with its unit and what is better.
 * @property {boolean} text Whether its values are words.
 * @property {boolean} log Whether its axis is logarithmic at first.
 * @property {"lower" | "higher" | null} better
 * @property {number} scale What a number is divided by when it is shown.
 * @property {boolean} folded Whether the table shows it only when the reader asks.
 * @property {string} among Its set: of these columns one at a time is shown, and the reader chooses which.
 */

/**
 * What rows are made of, for a comparison of two or three.
 *
 * @typedef {object} Parts
 * @property {{ name: string, path: string, colour: string }[]} kinds
 * @property {{ key: string, heading: string }[]} quantities
 * @property {Record<string, number[][]>} of For each label a list for each quantity, with a number for each kind.
 */

/**
 * @typedef {object} Spec
 * @property {string} x The key of the column across, at first.
 * @property {string} y The key of the column upward, at first.
 * @property {string} label The key of the column that names a row.
 * @property {string | null} shape The key of the column that decides the points' shapes.
 * @property {boolean | null} pareto Whether the front is shown at first; null: not, but offered.
 * @property {string} things What the rows are, in the plural.
 * @property {Column[]} columns
 * @property {string[]} families The values of the shape's column.
 * @property {{ path: string, colour: string, filled: boolean }[]} marks
 * @property {[least: number, words: string][]} agreement What rank correlations are called, from the highest.
 * @property {string} name The board's, in its address.
 * @property {string} title
 * @property {string[]} budgets The keys of columns, or of sets of columns, that can have a highest value.
 * @property {string[]} axes If the board is only a map: the columns, or sets of columns, that can lie across.
 * @property {Record<string, string>} links Pages about rows, by label.
 * @property {Parts | null} parts
 */

/** @typedef {{ value: number | string | null, text: string }} Cell A missing value is null. */
/** @typedef {Record<string, Cell>} Cells By the column's key. */

/**
 * @typedef {object} Row
 * @property {HTMLTableRowElement} tr
 * @property {number} index
 * @property {string} label
 * @property {Cells} cells
 * @property {boolean} kept Whether its label stays in the chart.
 */

/**
 * What the reader has chosen.
 *
 * @typedef {object} State
 * @property {string} x
 * @property {string} y
 * @property {Record<string, boolean>} log Whether the axis is logarithmic, by the column's key.
 * @property {string} find
 * @property {Record<string, string>} filter The chosen text by the column's key; empty for all.
 * @property {boolean} front
 * @property {string | null} sort The key of a column.
 * @property {boolean} down
 * @property {Record<string, string>} chosen The key of the chosen column of each set.
 * @property {Record<string, boolean>} seen Whether the table shows a column that can be folded away, by its key.
 * @property {Record<string, number | null>} most The budgets, in the numbers' own unit.
 */

/**
 * What is shown of it.
 *
 * @typedef {object} View
 * @property {Column} x
 * @property {Column} y
 * @property {boolean} xLog
 * @property {boolean} yLog
 * @property {Column[]} columns In the table.
 * @property {Column[]} limited Those that have a budget now.
 * @property {Row[]} within Within all budgets.
 * @property {Row[]} unknown Without a number for a budget, so not within.
 * @property {Row[]} shown In the table: within the budgets, and of the chosen kinds. The others are faint in the chart.
 * @property {Row[]} found Those that the reader looks for, whether shown or not.
 * @property {Row[]} present Shown ones with a value for both axes.
 * @property {Row[]} drawn All rows for which both axes have a place.
 * @property {boolean} possible Whether there can be a Pareto front.
 * @property {Row[]} rivals Those that the front is chosen from: drawn and within the budgets, of whatever kind.
 * @property {Row[]} front From the lowest x; empty if it is not shown.
 */

export const MISSING = "–";

/** @param {HTMLTableSectionElement} body @param {Spec} spec @returns {Row[]} */
export function readRows(body, { columns, label }) {
  return [...body.rows].map((tr, index) => {
    const cells = Object.fromEntries(columns.map(({ key, text: isText }, position) => {
      const { textContent: text, dataset } = tr.cells[position];
      return [key, { text, value: text === MISSING ? null : isText ? text : Number(dataset.value) }];
    }));
    return { tr, index, label: cells[label].text, cells, kept: false };
  });
}

/** A row's number, which is not missing. @param {Row} row @param {Column} column */
export const numberOf = (row, { key }) => Number(row.cells[key].value);

/** Whether a row has a number or a word there. @param {Row} row @param {Column} column */
export const isKnown = ({ cells }, { key }) => cells[key].value !== null;

/** @template {string | number} T @param {T} a @param {T} b */
export const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Ascending or descending, missing values last, rows of equal value in their first order.
 * @param {Row[]} rows @param {Column} column
 */
export function sortRows(rows, column, down = false) {
  const { key, text } = column;
  const [sign, missing] = [down ? -1 : 1, rows.filter(({ cells }) => cells[key].value === null)];
  const rank = (/** @type {Row} */ row) => (text ? row.cells[key].text.toLowerCase() : numberOf(row, column));
  const present = rows.filter(({ cells }) => cells[key].value !== null);
  present.sort((a, b) => sign * order(rank(a), rank(b)) || a.index - b.index);
  return [...present, ...missing];
}

/** The columns that can be axes. @param {Spec} spec */
export const numberColumns = ({ columns }) => columns.filter(({ text }) => !text);

/** The columns whose texts can be chosen. @param {Spec} spec */
export const filterColumns = ({ columns, label }) =>
  columns.filter(({ key, text, folded }) => text && !folded && key !== label);

/** The columns of each set, by its name. @param {Spec} spec */
export function setsOf({ columns }) {
  const names = [...new Set(columns.map(({ among }) => among))].filter((name) => name);
  return new Map(names.map((name) => [name, columns.filter(({ among }) => among === name)]));
}

/** The columns that the reader may show or fold away. @param {Spec} spec */
export const optionalColumns = ({ columns, label }) => columns.filter(({ key, among }) => !among && key !== label);

/** The column that a key means: its own, or the chosen one of a set. @param {Spec} spec @param {State} state @param {string} key */
export const meant = (spec, { chosen }, key) => columnOf(spec, chosen[key] ?? key);

/** Whether the reader can ask for a Pareto front. @param {Spec} spec */
export const offersFront = (spec) => spec.pareto !== false && spec.columns.filter(({ better }) => better).length > 1;

/** @param {Spec} spec @returns {State} */
export function firstState(spec) {
  return {
    x: spec.x,
    y: spec.y,
    log: Object.fromEntries(numberColumns(spec).map(({ key, log }) => [key, log])),
    find: "",
    filter: Object.fromEntries(filterColumns(spec).map(({ key }) => [key, ""])),
    front: spec.pareto === true,
    sort: null,
    down: false,
    chosen: Object.fromEntries(
      [...setsOf(spec)].map(([among, set]) => [among, (set.find(({ key }) => key === spec.x) ?? set[0]).key]),
    ),
    seen: Object.fromEntries(optionalColumns(spec).map(({ key, folded }) => [key, !folded])),
    most: Object.fromEntries(spec.budgets.map((key) => [key, null])),
  };
}

/** Whether a row is in the background of the chart. @param {Row} row @param {View} view */
export const isFaint = (row, { shown, found }) => found.length ? !found.includes(row) : !shown.includes(row);

/** @param {Spec} spec @param {string} wanted */
export function columnOf({ columns }, wanted) {
  return /** @type {Column} */ (columns.find(({ key }) => key === wanted));
}

/** @param {Spec} spec @param {Row[]} rows @param {State} state @returns {View} */
export function select(spec, rows, state) {
  const [x, y] = [columnOf(spec, state.x), columnOf(spec, state.y)];
  const axes = [x, y];
  const wanted = state.find.trim().toLowerCase();
  const isOfKind = (/** @type {Row} */ { cells }) =>
    Object.entries(state.filter).every(([key, text]) => !text || cells[key].text === text);
  const hasPlace = (/** @type {Row} */ row) =>
    axes.every((column) => isKnown(row, column) && (!state.log[column.key] || numberOf(row, column) > 0));
  const cost = (/** @type {Row} */ row) =>
    axes.map((column) => (column.better === "lower" ? 1 : -1) * numberOf(row, column));
  const budgets = spec.budgets.filter((key) => state.most[key] !== null)
    .map((key) => ({ column: meant(spec, state, key), most: Number(state.most[key]) }));
  const within = rows.filter((row) =>
    budgets.every(({ column, most }) => isKnown(row, column) && numberOf(row, column) <= most)
  );
  const shown = within.filter(isOfKind);
  const drawn = rows.filter(hasPlace);
  const possible = Boolean(offersFront(spec) && x.better && y.better);
  const rivals = within.filter(hasPlace);
  return {
    x,
    y,
    xLog: state.log[x.key],
    yLog: state.log[y.key],
    columns: spec.columns.filter(({ key, among }) => among ? state.chosen[among] === key : state.seen[key] ?? true),
    limited: budgets.map(({ column }) => column),
    within,
    unknown: rows.filter((row) => budgets.some(({ column }) => !isKnown(row, column))),
    shown,
    found: wanted ? rows.filter(({ label }) => label.toLowerCase().includes(wanted)) : [],
    present: shown.filter((row) => axes.every((column) => isKnown(row, column))),
    drawn,
    possible,
    rivals,
    front: possible && state.front ? sortRows(paretoFront(rivals, cost), x) : [],
  };
}
