// The chart and the table in sentences, as explore.py says them.
/** @import { Column, Row, Spec, State, View } from "./rows.js" */
import { rankCorrelation } from "../script/statistics.js";
import { columnOf, numberOf } from "./rows.js";

const MOST_NAMES = 12;

/** @param {Row} row @param {Column} column */
const words = (row, { key, unit }) => (unit ? `${row.cells[key].text} ${unit}` : row.cells[key].text);

/** A row's numbers on the two axes, which may be the same column. @param {Row} row @param {View} view */
export function numbersOf(row, { x, y }) {
  return [...new Set([x, y])].map((column) => `${column.heading} ${words(row, column)}`);
}

/** @param {Row[]} rows @param {Column} column */
function rangeSentence(rows, column) {
  const low = rows.reduce((best, row) => (numberOf(row, column) < numberOf(best, column) ? row : best));
  const high = rows.reduce((best, row) => (numberOf(row, column) > numberOf(best, column) ? row : best));
  const from = `${column.heading}: ${words(low, column)} (${low.label})`;
  return low === high ? `${from}.` : `${from} to ${words(high, column)} (${high.label}).`;
}

/** @param {Spec} spec @param {View} view */
export function describe({ things, agreement }, view) {
  const { drawn, shown, limited, rivals, front, x, y } = view;
  const clear = drawn.filter((row) => shown.includes(row));
  if (!clear.length) return `None of the ${things} has a place on both axes.`;
  const sentences = [rangeSentence(clear, x), rangeSentence(clear, y)];
  const [across, upward] = [x, y].map((column) => clear.map((row) => numberOf(row, column)));
  const correlation = rankCorrelation(across, upward);
  if (correlation !== null) {
    const phrase = agreement.find(([least]) => correlation >= least)?.[1];
    const rounded = (Number(correlation.toFixed(2)) + 0).toFixed(2);
    sentences.push(`Rank correlation ${rounded}: the two orders are ${phrase}.`);
  }
  if (front.length) {
    const named = front.slice(0, MOST_NAMES).map(({ label }) => label).join(", ");
    const more = front.length > MOST_NAMES ? ` and ${front.length - MOST_NAMES} more` : "";
    const whose = `${rivals.length} ${things} ${limited.length ? "within the budget" : "that have both numbers"}`;
    sentences.push(`On the Pareto front of the ${whose} (★ in the table): ${named}${more}.`);
  }
  return sentences.join(" ");
}

/**
 * How many rows there are, in which order, which were found, and which of them the chart cannot draw.
 * @param {Spec} spec @param {State} state @param {View} view @param {number} total
 */
export function statusText(spec, state, view, total) {
  const { x, y, shown, present, drawn } = view;
  const parts = [`${shown.length} of ${total} ${spec.things}${budgetText(view)}${orderText(spec, state)}`];
  if (state.find.trim()) parts.push(foundText(view));
  if (present.length < shown.length) {
    const lacking = [...new Set([x, y])].filter(({ key }) => shown.some(({ cells }) => cells[key].value === null));
    const names = lacking.map(({ heading }) => heading).join(" or ");
    parts.push(`Not drawn: ${shown.length - present.length} without a value for ${names}`);
  }
  const below = present.filter((row) => !drawn.includes(row)).length;
  if (below) {
    parts.push(`Not drawn: ${below}, for which a logarithmic axis has no place (it shows only numbers above zero)`);
  }
  return `${parts.join(". ")}.`;
}

/** @param {View} view */
function budgetText({ limited, shown, within, unknown }) {
  if (!limited.length) return "";
  const filtered = shown.length < within.length ? `; ${within.length} of all kinds fit the budget` : " fit the budget";
  return unknown.length ? `${filtered} (${unknown.length} have no number for it)` : filtered;
}

/** @param {View} view */
function foundText({ found, shown }) {
  if (!found.length) return "None has such a name";
  const named = found.slice(0, MOST_NAMES).map(({ label }) => label).join(", ");
  const more = found.length > MOST_NAMES ? ` and ${found.length - MOST_NAMES} more` : "";
  const away = found.filter((row) => !shown.includes(row)).length;
  return `Found ${found.length}: ${named}${more}${away ? ` (${away} not among those shown)` : ""}`;
}

/** @param {Spec} spec @param {State} state */
function orderText(spec, { sort, down }) {
  if (sort === null) return "";
  const { heading, text } = columnOf(spec, sort);
  const first = text ? (down ? "from Z to A" : "from A to Z") : down ? "highest first" : "lowest first";
  return `, sorted by ${heading}, ${first}`;
}
