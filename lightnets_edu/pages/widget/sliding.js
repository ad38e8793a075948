// A convolution at work: kernels slide over the input's maps, each place gives one pixel, and a counter runs along.
/** @import { Maker } from "./pictures.js" */
import { make, makeSvg } from "../script/dom.js";
import { plural } from "./matrix.js";

const PAUSE = 170; // milliseconds for one pixel
const BETWEEN = 1; // pixels between maps
const BELOW = 3; // between the input's maps and the output's

/**
 * @typedef {object} Shape
 * @property {number} ins Input channels.
 * @property {number} outs Output channels.
 * @property {number} groups
 * @property {number} kernel
 * @property {number} side Of the input's maps.
 * @property {number} across Pixels on a side of the output's maps.
 * @property {number} read Maps that an output channel reads.
 * @property {number} products Of one output pixel.
 * @property {number} steps Pixels of the whole output.
 */

/** @param {number[]} numbers @returns {Shape} */
function shapeOf([ins, outs, groups, kernel, side]) {
  const across = side - kernel + 1, read = ins / groups;
  const products = read * kernel ** 2;
  return { ins, outs, groups, kernel, side, across, read, products, steps: outs * across ** 2 };
}

/** Where a step is: output channel, row, column, and the first map that is read. @param {Shape} shape @param {number} step */
function placeOf({ outs, groups, across, read }, step) {
  const channel = Math.floor(step / across ** 2), pixel = step % across ** 2;
  return {
    channel,
    row: Math.floor(pixel / across),
    column: pixel % across,
    first: Math.floor(channel / (outs / groups)) * read,
  };
}

/** @param {number} x @param {number} y @param {number} width @param {string} name */
const square = (x, y, width, name) => makeSvg("rect", { class: name, x, y, width, height: width });

/** The lines between the pixels of a map. @param {number} x @param {number} y @param {number} side */
function gridOf(x, y, side) {
  const lines = Array.from(
    { length: side + 1 },
    (_, i) => `M${x + i} ${y}v${side}M${x} ${y + i}h${side}`,
  );
  return makeSvg("path", { class: "ln-raster", d: lines.join("") });
}

/** @type {Maker} */
export function makeSliding(uses) {
  const drawing = makeSvg("svg", { role: "img" });
  const counter = make("p", { class: "ln-counter" });
  const play = make("button", { type: "button", class: "ln-play" }, "Play");
  const next = make("button", { type: "button", class: "ln-play" }, "Step");
  const buttons = make("div", { class: "ln-buttons" }, play, next);
  /** @type {Shape | null} */
  let shape = null;
  /** Pixels that are done; the kernels stand where the last one was made. */
  let done = 0;
  /** @type {number | undefined} */
  let timer;
  let drawn = "";

  const show = () => {
    if (!shape) return;
    drawStep(drawing, shape, done);
    const macs = done * shape.products, all = shape.steps * shape.products;
    counter.textContent = done
      ? `${shape.products} products for this pixel, ${macs} of ${all} multiply-accumulates so far.`
      : `No pixel is made yet: 0 of ${all} multiply-accumulates.`;
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "Play";
  };
  const step = () => {
    if (!shape) return;
    done = done >= shape.steps ? 1 : done + 1;
    show();
    if (done >= shape.steps) stop();
  };
  const start = () => {
    if (timer !== undefined) return;
    play.textContent = "Pause";
    step();
    timer = setInterval(step, PAUSE);
  };
  play.addEventListener("click", () => timer === undefined ? start() : stop());
  next.addEventListener("click", () => {
    stop();
    step();
  });
  // It begins by itself once, where its reader sees it and does not mind motion.
  const seen = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    seen.disconnect();
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
  }, { threshold: 0.6 });
  seen.observe(drawing);

  return {
    drawing,
    parts: [drawing, counter, buttons],
    draw: (read) => {
      const numbers = uses.map(read);
      const mine = shape = shapeOf(numbers);
      if (drawn !== (drawn = numbers.join())) {
        const playing = timer !== undefined;
        stop();
        done = 0;
        drawMaps(drawing, mine);
        show();
        if (playing) start();
      }
      return slidingSentence(mine);
    },
  };
}

/** @param {Shape} shape */
function slidingSentence({ ins, outs, kernel, side, across, read, products, steps }) {
  return [
    `${plural(ins, "input map")} of ${side} × ${side} above, ${
      plural(outs, "output map")
    } of ${across} × ${across} below.`,
    `Each output map has ${plural(read, "kernel")} of ${kernel} × ${kernel} and reads ${
      read === ins ? "all input maps" : `${read} of the ${ins} input maps`
    }.`,
    `A pixel is the sum of ${plural(products, "product")}, and there are ${steps} pixels.`,
  ].join(" ");
}

/** Where each map stands. @param {Shape} shape */
function layout({ ins, outs, side, across }) {
  const wide = Math.max(ins * (side + BETWEEN), outs * (across + BETWEEN)) - BETWEEN;
  const left = (/** @type {number} */ count, /** @type {number} */ width) =>
    (wide - count * (width + BETWEEN) + BETWEEN) / 2;
  const [above, below] = [left(ins, side), left(outs, across)];
  return {
    wide,
    high: side + BELOW + across,
    input: (/** @type {number} */ map) => above + map * (side + BETWEEN),
    output: (/** @type {number} */ map) => below + map * (across + BETWEEN),
    under: side + BELOW,
  };
}

/** @param {SVGElement} drawing @param {Shape} shape */
function drawMaps(drawing, shape) {
  const { wide, high, input, output, under } = layout(shape);
  const maps = (/** @type {number} */ count, /** @type {(map: number) => Element[]} */ draw) =>
    Array.from({ length: count }, (_, map) => draw(map)).flat();
  drawing.setAttribute("viewBox", `-0.2 -0.2 ${wide + 0.4} ${high + 0.4}`);
  drawing.style.maxWidth = `${wide * 1.2}rem`;
  drawing.replaceChildren(
    ...maps(shape.ins, (map) => [square(input(map), 0, shape.side, "ln-frame"), gridOf(input(map), 0, shape.side)]),
    ...maps(
      shape.outs,
      (map) => [square(output(map), under, shape.across, "ln-frame"), gridOf(output(map), under, shape.across)],
    ),
    makeSvg("path", { class: "ln-made" }),
    makeSvg("path", { class: "ln-windows" }),
    makeSvg("path", { class: "ln-rays" }),
    square(0, 0, 1, "ln-now"),
  );
}

/** @param {SVGElement} drawing @param {Shape} shape @param {number} done */
function drawStep(drawing, shape, done) {
  const { input, output, under } = layout(shape);
  const part = (/** @type {string} */ name) => /** @type {SVGElement} */ (drawing.querySelector(`.${name}`));
  const { kernel, read } = shape;
  const cells = Array.from({ length: done }, (_, step) => {
    const { channel, row, column } = placeOf(shape, step);
    return `M${output(channel) + column} ${under + row}h1v1h-1z`;
  });
  const { channel, row, column, first } = placeOf(shape, Math.max(0, done - 1));
  const [x, y] = [output(channel) + column, under + row];
  const windows = [], rays = [];
  for (let map = first; map < first + read; map += 1) {
    const left = input(map) + column;
    windows.push(`M${left} ${row}h${kernel}v${kernel}h${-kernel}z`);
    rays.push(`M${left} ${row + kernel}L${x} ${y}M${left + kernel} ${row + kernel}L${x + 1} ${y}`);
  }
  part("ln-made").setAttribute("d", cells.join(""));
  part("ln-windows").setAttribute("d", windows.join(""));
  part("ln-rays").setAttribute("d", rays.join(""));
  part("ln-now").setAttribute("x", String(x));
  part("ln-now").setAttribute("y", String(y));
}
