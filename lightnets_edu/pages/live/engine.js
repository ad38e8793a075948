// The engine: the worker that runs networks, with its kernels.
import { Beside } from "./beside.js";
import { KERNELS } from "./kernels.js";
import { engineWorker } from "./worker.js";

export class Engine extends Beside {
  constructor() {
    super(engineWorker, KERNELS);
  }
}
