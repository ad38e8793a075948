// A trained network as it is stored, unpacked.
/** @import { Row } from "../worker.js" */
import { breathe, unpack } from "../beside.js";

/**
 * As trained.py describes it.
 * @typedef {object} Trained
 * @property {string} name
 * @property {string} words
 * @property {number} parameters
 * @property {number | null} accuracy
 * @property {Row[]} rows
 * @property {string[]} labels
 * @property {string} weights
 * @property {number[]} mean
 * @property {number[]} std
 * @property {string[]} classes
 * @property {string} [samples]
 * @property {string} [scales] Of weights of eight bits, one for each output channel.
 * @property {string} [biases]
 * @property {Photo[]} [photos]
 */
/** @typedef {{ name: string, credit: string, jpeg: string }} Photo */

export const SIDE = 28;

/** @param {string} text In base64. */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** A number of half precision: a sign, five bits of exponent, ten of fraction. @param {number} bits */
function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

/** All numbers of a text, of half precision. @param {string} text */
export function halvesOf(text) {
  const bytes = new DataView(bytesOf(text).buffer);
  return Float32Array.from({ length: bytes.byteLength / 2 }, (_, i) => halfToNumber(bytes.getUint16(2 * i, true)));
}

/**
 * All weights, in the rows' order: each row's weights, then its biases.
 * @param {Trained} trained @param {number[]} image Its shape. @returns {Promise<Float32Array>}
 */
export const weightsOf = async ({ weights, scales, biases, rows }, image) => {
  if (!scales || !biases) return halvesOf(weights);
  const whole = new Int8Array((await unpack(weights)).buffer);
  const scale = new Float32Array(bytesOf(scales).buffer), bias = new Float32Array(bytesOf(biases).buffer);
  const found = new Float32Array(whole.length + bias.length);
  const shapes = [image, ...rows.map(([, , shape]) => shape)];
  let read = 0, channel = 0, place = 0;
  for (const [at, [op, [back], [outs], settings]] of rows.entries()) {
    if (op !== "conv" && op !== "linear") continue;
    await breathe();
    const [ins] = shapes[at + 1 - back];
    const depth = op === "conv" ? ins / settings[3] * settings[0] ** 2 : ins;
    for (let out = 0; out < outs; out++) {
      for (let i = 0; i < depth; i++) found[place++] = whole[read++] * scale[channel + out];
    }
    found.set(bias.subarray(channel, channel + outs), place);
    place += outs;
    channel += outs;
  }
  return found;
};

/** The pictures that come with it, one of each class. @param {Trained} trained */
export function samplesOf({ samples = "", classes }) {
  const bytes = bytesOf(samples);
  return classes.map((_, i) => bytes.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2));
}

/** Pixels from 0 to 255, channel after channel, as the network takes them. @param {ArrayLike<number>} pixels @param {Trained} trained */
export function imageOf(pixels, { mean, std }) {
  const size = pixels.length / mean.length;
  return Float32Array.from(pixels, (pixel, i) => {
    const channel = Math.floor(i / size);
    return (pixel / 255 - mean[channel]) / std[channel];
  });
}

/** @param {ArrayLike<number>} scores */
export function softmax(scores) {
  const most = Math.max(...Array.from(scores));
  const powers = Array.from(scores, (score) => Math.exp(score - most));
  const sum = powers.reduce((total, one) => total + one, 0);
  return powers.map((power) => power / sum);
}

/**
 * Where each row's weights begin.
 * @param {Row[]} rows @param {number[]} image Its shape.
 */
export function placesOf(rows, image) {
  const shapes = [image, ...rows.map(([, , shape]) => shape)];
  let place = 0;
  return rows.map(([op, [back], [outs], settings], at) => {
    const first = place, [ins] = shapes[at + 1 - back];
    if (op === "conv") place += outs * (ins / settings[3] * settings[0] ** 2 + settings[4]);
    if (op === "linear") place += outs * (ins + 1);
    return first;
  });
}

/** @typedef {{ value: number, words: string, kind: "maps" | "filters" | "gates", row: Row, from: number }} Layer */

/**
 * What a reader can look at: maps, depthwise filters between maps, and gates.
 * @param {Trained} trained @param {number[]} image Its shape. @returns {Layer[]}
 */
export function layersOf({ rows, labels }, image) {
  const shapes = [image, ...rows.map(([, , shape]) => shape)];
  /** @type {Layer[]} */
  const found = [];
  rows.forEach((row, at) => {
    const [op, inputs, [channels, height], settings] = row;
    const from = at + 1 - inputs[0];
    const name = labels[at] ? `${labels[at]}: ` : "";
    if (op === "gate") {
      found.push({ value: at + 1 - inputs[1], words: `${channels} gates`, kind: "gates", row, from });
    }
    if (op !== "conv" || height < 3) return;
    const alone = settings[3] === channels && channels > 1 && shapes[from][0] === channels;
    const size = `${channels} maps of ${height} × ${height}`;
    const kernel = `${settings[0]} × ${settings[0]}`;
    found.push(
      alone
        ? { value: at + 1, words: `${name}${size}, each by its own ${kernel} filter`, kind: "filters", row, from }
        : { value: at + 1, words: `${name}${size}, ${kernel} convolution`, kind: "maps", row, from },
    );
  });
  return found;
}
