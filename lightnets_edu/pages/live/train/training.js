// A network that is being trained beside the page: what it begins with, and how its learning rate goes.
/** @import { Row } from "../worker.js" */
/** @import { Pictures } from "./trainer.js" */
import { Beside, unpack } from "../beside.js";
import { trainingWorker } from "./trainer.js";
import { TRAINING_KERNELS } from "./training_kernels.js";

export const SIDE = 28;

/**
 * The settings, as the book's TrainConfig has them.
 * @typedef {object} Recipe
 * @property {number} epochs
 * @property {number} batch
 * @property {number} rate The highest one.
 * @property {number} rise Steps until then.
 * @property {number} momentum
 * @property {number} decay
 * @property {number} smoothing
 */
/** Pictures as start.py packs them. @typedef {{ packed: string, train: number, test: number, mean: number, std: number }} Packed */

/** Steps of an epoch. @param {Packed} pictures @param {Recipe} recipe */
export const stepsOf = ({ train }, { batch }) => Math.floor(train / batch);

/**
 * The learning rate of a step: it rises evenly, then falls along half a cosine.
 * @param {number} step @param {number} each Steps of an epoch. @param {Recipe} recipe
 */
export function rateAt(step, each, { epochs, rate, rise }) {
  if (step < rise) return rate * (step + 1) / rise;
  return rate * 0.5 * (1 + Math.cos(Math.PI * (step - rise) / (epochs * each - rise)));
}

/** @param {Packed} packed @returns {Promise<Pictures>} */
export const unpackPictures = async ({ packed, train, test, mean, std }) => {
  return { bytes: await unpack(packed), train, test, size: SIDE ** 2, mean, std };
};

/** One network with its worker. */
export class Training extends Beside {
  constructor() {
    super(trainingWorker, TRAINING_KERNELS);
  }

  /**
   * Start with pictures and a network.
   * @param {Pictures} pictures @param {Row[]} rows @param {number} batch @param {number} seed
   * @param {number[] | null} kinds The labels of those that are shown in pairs, if they are.
   */
  async begin(pictures, rows, batch, seed, kinds) {
    await this.start();
    await this.ask("pictures", { ...pictures, kinds });
    await this.ask("build", { rows, shape: [kinds ? 2 : 1, SIDE, SIDE], batch, seed });
  }
}
