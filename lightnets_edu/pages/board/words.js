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
export function describe({ things, agreement }, { drawn, front, x, y }) {
  if (!drawn.length) return `None of the ${things} has a place on both axes.`;
  const sentences = [rangeSentence(drawn, x), rangeSentence(drawn, y)];
  const [across, upward] = [x, y].map((column) => drawn.map((row) => numberOf(row, column)));
  const correlation = rankCorrelation(across, upward);
  if (correlation !== null) {
    const phrase = agreement.find(([least]) => correlation >= least)?.[1];
    const rounded = (Number(correlation.toFixed(2)) + 0).toFixed(2);
    sentences.push(`Rank correlation ${rounded}: the two orders are ${phrase}.`);
  }
  if (front.length) {
    const named = front.slice(0, MOST_NAMES).map(({ label }) => label).join(", ");
    const more = front.length > MOST_NAMES ? ` and ${front.length - MOST_NAMES} more` : "";
    sentences.push(`On the Pareto front (★ in the table): ${named}${more}.`);
  }
  return sentences.join(" ");
}

/**
 * How many rows there are, in which order, and which of them the chart cannot draw.
 * @param {Spec} spec @param {State} state @param {View} view @param {number} total
 */
export function statusText(spec, state, { x, y, shown, present, drawn }, total) {
  const parts = [`${shown.length} of ${total} ${spec.things}${orderText(spec, state)}`];
  if (present.length < shown.length) {
    const lacking = [...new Set([x, y])].filter(({ key }) => shown.some(({ cells }) => cells[key].value === null));
    const names = lacking.map(({ heading }) => heading).join(" or ");
    parts.push(`Not drawn: ${shown.length - present.length} without a value for ${names}`);
  }
  const below = present.length - drawn.length;
  if (below) {
    parts.push(`Not drawn: ${below}, for which a logarithmic axis has no place (it shows only numbers above zero)`);
  }
  return `${parts.join(". ")}.`;
}

/** @param {Spec} spec @param {State} state */
function orderText(spec, { sort, down }) {
  if (sort === null) return "";
  const { heading, text } = columnOf(spec, sort);
  const first = text ? (down ? "from Z to A" : "from A to Z") : down ? "highest first" : "lowest first";
  return `, sorted by ${heading}, ${first}`;
}
