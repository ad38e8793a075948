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
 */

/**
 * What is shown of it.
 *
 * @typedef {object} View
 * @property {Column} x
 * @property {Column} y
 * @property {boolean} xLog
 * @property {boolean} yLog
 * @property {Row[]} shown In the table.
 * @property {Row[]} present Those with a value for both axes.
 * @property {Row[]} drawn Those for which both axes have a place.
 * @property {boolean} possible Whether there can be a Pareto front.
 * @property {Row[]} front From the lowest x; empty if it is not shown.
 */

const MISSING = "–";

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
export const filterColumns = ({ columns, label }) => columns.filter(({ key, text }) => text && key !== label);

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
  };
}

/** @param {Spec} spec @param {string} wanted */
export function columnOf({ columns }, wanted) {
  return /** @type {Column} */ (columns.find(({ key }) => key === wanted));
}

/** @param {Spec} spec @param {Row[]} rows @param {State} state @returns {View} */
export function select(spec, rows, state) {
  const [x, y] = [columnOf(spec, state.x), columnOf(spec, state.y)];
  const wanted = state.find.trim().toLowerCase();
  const isShown = (/** @type {Row} */ { label, cells }) =>
    label.toLowerCase().includes(wanted) &&
    Object.entries(state.filter).every(([key, text]) => !text || cells[key].text === text);
  const fits = (/** @type {Row} */ row) =>
    [x, y].every((column) => !state.log[column.key] || numberOf(row, column) > 0);
  const cost = (/** @type {Row} */ row) =>
    [x, y].map((column) => (column.better === "lower" ? 1 : -1) * numberOf(row, column));
  const shown = rows.filter(isShown);
  const present = shown.filter(({ cells }) => cells[x.key].value !== null && cells[y.key].value !== null);
  const drawn = present.filter(fits);
  const possible = Boolean(offersFront(spec) && x.better && y.better);
  const front = possible && state.front ? sortRows(paretoFront(drawn, cost), x) : [];
  return { x, y, xLog: state.log[x.key], yLog: state.log[y.key], shown, present, drawn, possible, front };
}
