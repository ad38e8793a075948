// Which output channel reads which input channel: a matrix, a row an output channel, a column an input channel.
/** @import { Attributes } from "../script/dom.js" */
/** @import { Maker } from "./pictures.js" */
import { make, makeSvg } from "../script/dom.js";

/**
 * Which groups of inputs a group of outputs sees, counted round.
 *
 * @typedef {(group: number) => [first: number, count: number]} Reach
 */

export const MOST_CELLS = 32;

/** @param {Attributes} attributes Of the drawing. */
export function makeMatrix(attributes) {
  const background = makeSvg("rect", { class: "ln-paper", x: 0, y: 0 });
  const cells = makeSvg("path", { class: "ln-cells" });
  const drawing = makeSvg("svg", attributes, background, cells);
  const element = make(
    "div",
    { class: "ln-matrix" },
    make("div", { class: "ln-axis ln-across", "aria-hidden": "true" }, "input channels →"),
    make("div", { class: "ln-axis ln-down", "aria-hidden": "true" }, "output channels →"),
    drawing,
  );
  /**
   * Returns a sentence if a cell stands for several channels.
   * @param {number} ins @param {number} outs @param {number} groups @param {Reach} reach
   */
  const draw = (ins, outs, groups, reach) => {
    const [columns, rows] = [Math.min(ins, MOST_CELLS), Math.min(outs, MOST_CELLS)];
    drawing.setAttribute("viewBox", `-0.25 -0.25 ${columns + 0.5} ${rows + 0.5}`);
    background.setAttribute("width", String(columns));
    background.setAttribute("height", String(rows));
    cells.setAttribute("d", matrixPath(columns, rows, ins / groups, outs / groups, groups, reach));
    if (columns === ins && rows === outs) return "";
    const [wide, high] = [ins / columns, outs / rows].map((channels) => Number(channels.toFixed(1)));
    const cell = `one stands for about ${wide} input and ${high} output channels`;
    return ` Drawn with ${columns} × ${rows} cells: ${cell}, and is filled as far as they are connected.`;
  };
  return { element, drawing, draw };
}

/** @typedef {[from: number, to: number]} Range Of channels. */

/** How many channels two ranges share. @param {Range} range @param {Range} other */
const overlap = ([from, to], [low, high]) => Math.max(0, Math.min(to, high) - Math.max(from, low));

/** The channels of a cell. @param {number} cell @param {number} cells @param {number} channels @returns {Range} */
const rangeOf = (cell, cells, channels) => [
  Math.floor((cell * channels) / cells),
  Math.floor(((cell + 1) * channels) / cells),
];

/**
 * The filled cells; one that stands for several channels is as full as the share of them that are connected.
 * @param {number} columns @param {number} rows
 * @param {number} wide Input channels of a group.
 * @param {number} high Output channels of a group.
 * @param {number} groups @param {Reach} reach
 */
function matrixPath(columns, rows, wide, high, groups, reach) {
  /** The share of pairs of channels in a cell that are connected. @param {Range} ins @param {Range} outs */
  const connectedShare = (ins, outs) => {
    let connected = 0;
    for (let group = Math.floor(outs[0] / high); group < Math.ceil(outs[1] / high); group += 1) {
      const [first, count] = reach(group);
      const again = first - groups; // counted round
      const seen = overlap([first * wide, (first + count) * wide], ins) +
        overlap([again * wide, (again + count) * wide], ins);
      connected += seen * overlap([group * high, (group + 1) * high], outs);
    }
    return connected / ((ins[1] - ins[0]) * (outs[1] - outs[0]));
  };
  const paths = [];
  for (let row = 0; row < rows; row += 1) {
    const outs = rangeOf(row, rows, high * groups);
    for (let column = 0; column < columns; column += 1) {
      const share = connectedShare(rangeOf(column, columns, wide * groups), outs);
      if (share > 0) {
        const side = 0.86 * Math.max(0.3, Math.sqrt(share));
        const [length, margin] = [side.toFixed(2), 0.5 - side / 2];
        paths.push(`M${(column + margin).toFixed(2)} ${(row + margin).toFixed(2)}h${length}v${length}h-${length}z`);
      }
    }
  }
  return paths.join("");
}

/** A count and its word: "1 channel", "8 channels". @param {number} count @param {string} word */
export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** Which input channel feeds which output channel of a grouped convolution. @type {Maker} */
export function makeConnectivity([inputs, outputs, groupCount]) {
  const { element, drawing, draw } = makeMatrix({ role: "img" });
  return {
    drawing,
    parts: [element],
    draw: (read) => {
      const [ins, outs, groups] = [read(inputs), read(outputs), read(groupCount)];
      const reduced = draw(ins, outs, groups, (group) => [group, 1]);
      return connectivitySentence(ins, outs, groups) + reduced;
    },
  };
}

/** @param {number} ins @param {number} outs @param {number} groups */
function connectivitySentence(ins, outs, groups) {
  if (groups === 1) {
    const read = ins === 1 ? "the one input channel" : `all ${ins} input channels`;
    return `Dense: each of the ${plural(outs, "output channel")} reads ${read}.`;
  }
  if (ins === groups) {
    return `Diagonal (depthwise): each of the ${outs} output channels reads one input channel of ${ins}.`;
  }
  const own = `the ${ins / groups} input channels of its own group, of ${ins}`;
  return `Block-diagonal: ${groups} groups; each of the ${outs} output channels reads ${own}.`;
}
