// The channel shuffle: two grouped 1×1 convolutions with a shuffle of channels between them.
/** @import { Maker } from "./pictures.js" */
import { make, makeSvg } from "../script/dom.js";
import { makeMatrix, MOST_CELLS, plural } from "./matrix.js";

const COLOURS = 8;
const GAP = 0.35;
const AFTER = 3.4; // where the row behind the shuffle begins

/** @typedef {[x: number, y: number]} Place */
/** @typedef {{ group: number, before: Place, after: Place }} Move The way of one channel. */
/** @typedef {Move & { element: SVGElement }} Moving */

/** @type {Maker} */
export function makeShuffle([channelCount, groupCount]) {
  const drawing = makeSvg("svg", { role: "img" });
  const play = make("button", { type: "button", class: "ln-play" }, "Play");
  const [without, shuffled] = [makeMatrix({ "aria-hidden": "true" }), makeMatrix({ "aria-hidden": "true" })];
  const axis = (/** @type {string} */ text) => make("p", { class: "ln-axis" }, text);
  const rows = make(
    "div",
    { class: "ln-rows" },
    axis("Channels behind the first grouped convolution; a number is its group"),
    drawing,
    axis("The same channels as the second one reads them; a frame is one of its groups"),
    play,
  );
  const flows = make(
    "div",
    { class: "ln-flows" },
    make("div", {}, axis("Without shuffle"), without.element),
    make("div", {}, axis("With shuffle"), shuffled.element),
  );
  /** @type {Moving[]} */
  let moving = [];
  play.addEventListener("click", () => playShuffle(moving));
  let drawn = "";
  return {
    drawing,
    parts: [make("div", { class: "ln-side" }, rows, flows)],
    draw: (read) => {
      const [channels, groups] = [read(channelCount), read(groupCount)];
      const size = channels / groups;
      // So many that a number can be read in each; 24 can be split into 1, 2, 3, 4, 6 and 8 groups.
      const most = Math.min(MOST_CELLS, Math.max(16, 8 * Math.floor(rows.clientWidth / 136)));
      const places = groups > most ? most : groups * Math.min(size, Math.floor(most / groups));
      // Drawn again only for other numbers, so that nothing stops a shuffle that plays.
      if (drawn !== (drawn = [channels, groups, most].join())) {
        moving = drawShuffle(drawing, channels, groups, places);
        without.draw(channels, channels, groups, (group) => [group, 1]);
        shuffled.draw(
          channels,
          channels,
          groups,
          (group) => size >= groups ? [0, groups] : [group * size % groups, size],
        );
      }
      return shuffleSentence(channels, groups, places);
    },
  };
}

/** @param {number} channels @param {number} groups @param {number} places */
function shuffleSentence(channels, groups, places) {
  const size = channels / groups;
  const inputs = plural(channels, "input");
  if (groups === 1) {
    return `One group: every output sees all ${inputs}, with the shuffle and without, and no channel moves.`;
  }
  const seen = size * Math.min(size, groups);
  const most = seen === channels ? `all ${channels}` : seen;
  const cell = Number((channels / MOST_CELLS).toFixed(1));
  return [
    `${channels} channels in ${groups} groups of ${size}.`,
    `Without the shuffle each output sees ${size} of the ${inputs}, with the shuffle ${most}.`,
    places < channels &&
    `Drawn are the first ${places} of ${channels} places behind the shuffle, and the channels that go there.`,
    channels > MOST_CELLS &&
    `A cell of the matrices stands for about ${cell} channels each way, and is filled as far as they are connected.`,
  ].filter(Boolean).join(" ");
}

/**
 * Draw the first places behind the shuffle, and what goes there; returns the cells that can move, with their ways.
 * @param {SVGElement} drawing @param {number} channels @param {number} groups @param {number} places
 * @returns {Moving[]}
 */
function drawShuffle(drawing, channels, groups, places) {
  const size = channels / groups;
  const shownSize = Math.max(1, places / groups);
  const moves = Array.from({ length: places }, (_, place) => {
    const [group, index] = [place % groups, Math.floor(place / groups)];
    /** @type {Move} */
    const move = {
      group,
      before: [group * (shownSize + GAP) + index, 0],
      after: [place + Math.floor(place / size) * GAP, AFTER],
    };
    return move;
  });
  const lines = moves.map(({ before: [x1], after: [x2] }) =>
    `M${x1 + 0.5} 1.15C${x1 + 0.5} 2.2 ${x2 + 0.5} 2.2 ${x2 + 0.5} ${AFTER - 0.15}`
  );
  const frames = [
    ...makeFrames(Math.min(groups, places), shownSize, 0, places),
    ...makeFrames(Math.ceil(places / size), size, AFTER, places),
  ];
  const standing = moves.map(({ group, before }) => makeChannel(group, before));
  const moving = moves.map((move) => ({ element: makeChannel(move.group, move.after), ...move }));
  const more = places < channels;
  const width = Math.max(...moves.map(({ before, after }) => Math.max(before[0], after[0]))) + 1 + (more ? 0.9 : 0);
  const dots = more ? [makeSvg("text", { class: "ln-dots", x: width - 0.85, y: AFTER + 0.7 }, "…")] : [];
  drawing.setAttribute("viewBox", `-0.25 -0.25 ${width + 0.5} ${AFTER + 1.5}`);
  drawing.style.maxWidth = `${width * 2.4}rem`;
  const ways = makeSvg("path", { class: "ln-ways", d: lines.join("") });
  drawing.replaceChildren(ways, ...frames, ...standing, ...moving.map(({ element }) => element), ...dots);
  return moving;
}

/**
 * A frame for each group; the last may be cut off.
 * @param {number} count @param {number} size @param {number} y @param {number} places
 */
function makeFrames(count, size, y, places) {
  return Array.from({ length: count }, (_, group) => {
    const [x, width] = [group * (size + GAP) - 0.1, Math.min(size, places - group * size) + 0.2];
    return makeSvg("rect", { class: "ln-frame", x, y: y - 0.1, height: 1.2, rx: 0.15, width });
  });
}

/** @param {Place} place */
const shift = ([x, y]) => `translate(${x}px, ${y}px)`;

/** @param {number} group @param {Place} place */
function makeChannel(group, place) {
  const style = `fill: var(--ln-group-${group % COLOURS})`;
  const element = makeSvg(
    "g",
    { class: "ln-channel" },
    makeSvg("rect", { x: 0.06, y: 0.06, width: 0.88, height: 0.88, rx: 0.1, style }),
    makeSvg("text", { x: 0.5, y: 0.7 }, String(group + 1)),
  );
  element.style.transform = shift(place);
  return element;
}

/** Move the channels one after the other; a reader who wants no motion sees them jump. @param {Moving[]} moving */
function playShuffle(moving) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  moving.forEach(({ element, before, after }, place) => {
    for (const animation of element.getAnimations()) animation.cancel();
    element.animate([{ transform: shift(before) }, { transform: shift(after) }], {
      duration: 900,
      delay: 300 + (place * 1600) / moving.length,
      fill: "backwards",
      easing: still ? "steps(1, end)" : "ease-in-out",
    });
  });
}
