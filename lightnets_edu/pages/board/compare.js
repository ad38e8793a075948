// Two or three rows side by side: their numbers, and what they are made of.
/** @import { Column, Row, Spec, View } from "./rows.js" */
import { round, withLetter } from "../script/axes.js";
import { make, makeSvg } from "../script/dom.js";
import { isKnown, MISSING, numberOf } from "./rows.js";

export const MOST_PICKS = 3;

/** @param {...(Node | string)} cells The first one names the row. */
const line = (...cells) =>
  make("tr", {}, ...cells.map((cell, at) => at ? make("td", {}, cell) : make("th", { scope: "row" }, cell)));

/** @param {number} ratio */
function timesWords(ratio) {
  if (Math.abs(ratio - 1) < 0.005) return "the same";
  return `${round(ratio, ratio > 1 && ratio < 10 ? 3 : 2)} times as much`;
}

/** One column of two rows in words; empty where a number is missing. @param {Row} a @param {Row} b @param {Column} column */
function comparedWords(a, b, column) {
  if (column.text || !isKnown(a, column) || !isKnown(b, column)) return "";
  const [first, second] = [numberOf(a, column), numberOf(b, column)];
  if (column.log && first > 0) return `${column.heading}: ${timesWords(second / first)}`;
  const difference = round(Math.abs(second - first) / column.scale, 3);
  const more = second > first ? "more" : "less";
  return `${column.heading}: ${
    second === first ? "the same" : `${difference} ${column.unit === "%" ? "points" : column.unit} ${more}`
  }`;
}

export class Comparison {
  /** @param {Spec} spec */
  constructor(spec) {
    this.spec = spec;
    this.name = `${spec.title}: side by side`;
    this.element = make("section", { class: "lx-compare", "aria-label": this.name });
  }

  /** @param {Row[]} picks In the order in which they were picked. @param {View} view */
  show(picks, view) {
    this.element.hidden = picks.length < 2;
    if (this.element.hidden) return this.element.replaceChildren();
    const heads = picks.map(({ label }) => make("th", { scope: "col" }, label));
    const table = make(
      "table",
      {},
      make("caption", {}, this.name),
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Number"), ...heads)),
      this.numbers(picks, view),
      ...this.parts(picks),
    );
    const box = make("div", { role: "region", tabindex: 0, "aria-label": `${this.name}, table` }, table);
    this.element.replaceChildren(
      make("p", { class: "lx-title" }, make("strong", {}, "Side by side")),
      ...picks.slice(1).map((other) => make("p", {}, this.sentence(picks[0], other, view))),
      box,
    );
  }

  /** What the table shows of them. @param {Row[]} picks @param {View} view */
  numbers(picks, { columns }) {
    const compared = columns.filter(({ key }) => key !== this.spec.label);
    return make(
      "tbody",
      {},
      ...compared.map(({ key, heading, unit }) =>
        line(`${heading}${unit && `, ${unit}`}`, ...picks.map(({ cells }) => cells[key].text))
      ),
    );
  }

  /** Each quantity by kind; a kind that none of them has is left out. @param {Row[]} picks */
  parts(picks) {
    const { parts } = this.spec;
    if (!parts) return [];
    return parts.quantities.map(({ heading }, at) => {
      const columns = make("th", { scope: "rowgroup", colspan: picks.length + 1 }, `${heading} by class of layer`);
      const kinds = parts.kinds.map((kind, which) => ({
        kind,
        values: picks.map(({ label }) => parts.of[label]?.[at][which] ?? null),
      }));
      const lines = kinds.filter(({ values }) => values.some((value) => value)).map(({ kind, values }) => {
        const mark = makeSvg("path", { d: kind.path, style: `fill:${kind.colour}` });
        const picture = makeSvg("svg", { "aria-hidden": "true", width: 14, height: 14, viewBox: "-7 -7 14 14" }, mark);
        const name = make("span", {}, picture, ` ${kind.name}`);
        return line(name, ...values.map((value) => value === null ? MISSING : withLetter(value, 3)));
      });
      return make("tbody", {}, make("tr", {}, columns), ...lines);
    });
  }

  /** @param {Row} first @param {Row} other @param {View} view */
  sentence(first, other, { columns }) {
    const numbers = columns.map((column) => comparedWords(first, other, column)).filter((words) => words);
    const made = [other, first].map((row) => this.mostWords(row)).filter((words) => words);
    return [`${other.label}, compared with ${first.label}. ${numbers.join(". ")}.`, ...made].join(" ");
  }

  /** Which kind has the most of the first quantity. @param {Row} row */
  mostWords({ label }) {
    const { parts } = this.spec;
    const values = parts?.of[label]?.[0];
    if (!parts || !values) return "";
    const [most, sum] = [Math.max(...values), values.reduce((total, value) => total + value, 0)];
    const { name } = parts.kinds[values.indexOf(most)];
    return `Of ${label}'s ${parts.quantities[0].heading}, ${round(100 * most / sum, 2)} % are ${name}.`;
  }
}
