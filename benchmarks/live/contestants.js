// The same network in the book's engine, in TensorFlow.js and in ONNX Runtime Web: what bench_live.py loads into a page.
// Each contestant is made once and gives a function that runs the network once and returns its outputs.
import { Engine } from "/book/live/engine.js";

const BOUNDS = ["linear", "relu", "relu6"];

/** The numbers of a file that bench_live.py serves. @param {string} name */
const numbers = async (name) => new Float32Array(await (await fetch(`/files/${name}`)).arrayBuffer());

async function makeBook({ rows, shape }) {
  const engine = new Engine();
  await engine.start();
  await engine.ask("build", { rows, shape });
  const run = async (times) => {
    await engine.ask("run", { times });
    return [...await engine.ask("output")];
  };
  return { run, end: () => engine.stop() };
}

async function makeOnnx({ shape }) {
  const ort = globalThis.ort;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/packages/onnxruntime-web/dist/";
  const model = new Uint8Array(await (await fetch("/files/model.onnx")).arrayBuffer());
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const [input] = session.inputNames, [output] = session.outputNames;
  const image = new ort.Tensor("float32", await numbers("image"), [1, ...shape]);
  const run = async (times) => {
    let result;
    for (let i = 0; i < times; i++) result = await session.run({ [input]: image });
    return [...result[output].data];
  };
  return { run, end: () => session.release() };
}

/** Maps are height, width, channels here; a fused row is one call, as TensorFlow's own converter makes it. */
async function makeTensorFlow({ rows, shape: [channels, height, width] }) {
  const tf = globalThis.tf;
  tf.wasm.setWasmPaths("/packages/@tensorflow/tfjs-backend-wasm/wasm-out/");
  tf.wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  await tf.ready();
  const all = await numbers("weights");
  let place = 0;
  const take = (...sides) => {
    const size = sides.reduce((product, side) => product * side, 1);
    place += size;
    return tf.tensor(all.subarray(place - size, place), sides);
  };
  const shapes = [[channels, height, width]];
  const steps = rows.map(([op, inputs, made, settings], at) => {
    const places = inputs.map((back) => at + 1 - back);
    const [ins, high, wide] = shapes[places[0]];
    shapes.push(made);
    const [outs, outHigh, outWide] = made;
    const activation = BOUNDS[settings.at(-1) ?? 0];
    const act = (x) => activation === "linear" ? x : tf[activation](x);
    const compute = () => {
      const [kernel, stride, padding, groups, biased] = settings;
      const behind = (side, out) => Math.max(0, (out - 1) * stride + kernel - side - padding);
      const zeros = [[0, 0], [padding, behind(high, outHigh)], [padding, behind(wide, outWide)], [0, 0]];
      const pad = (x) => zeros.flat().some(Boolean) ? tf.pad(x, zeros) : x;
      switch (op) {
        case "conv": {
          const depthwise = groups === ins && groups > 1;
          if (groups > 1 && !depthwise) throw new Error("TensorFlow.js has no grouped convolution.");
          const order = depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0];
          const filter = tf.transpose(take(outs, ins / groups, kernel, kernel), order);
          const bias = biased ? take(outs) : undefined;
          const convolve = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
          return ([x]) => convolve({ x: pad(x), filter, strides: stride, pad: "valid", bias, activation });
        }
        case "linear": {
          const b = tf.transpose(take(outs, ins)), bias = take(outs);
          const multiply = (a) => tf.fused.matMul({ a: tf.reshape(a, [1, ins]), b, bias, activation });
          return ([x]) => tf.reshape(multiply(x), [1, 1, 1, outs]);
        }
        case "affine":
          if (settings[0]) throw new Error("A batch norm alone is not needed here.");
          return ([x]) => act(x);
        case "add":
          return ([a, b]) => act(tf.add(a, b));
        case "gate":
          return ([a, b]) => act(tf.mul(a, b));
        case "sigmoid":
          return ([x]) => tf.sigmoid(x);
        case "hard_sigmoid":
          return ([x]) => tf.clipByValue(tf.add(tf.div(x, 6), 0.5), 0, 1);
        case "mean":
          return ([x]) => tf.mean(x, [1, 2], true);
        case "max_pool":
          if (padding) return ([x]) => tf.maxPool(tf.pad(x, zeros, -1e30), kernel, stride, "valid");
          return ([x]) => tf.maxPool(pad(x), kernel, stride, "valid");
        case "cat":
          return (xs) => tf.concat(xs, 3);
        case "slice":
          return ([x]) => tf.slice(x, [0, 0, 0, settings[0]], [1, outHigh, outWide, outs]);
        case "reshape":
          return ([x]) => tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [1, 1, 1, outs]);
        case "shuffle": {
          const sides = [1, outHigh, outWide, settings[0], outs / settings[0]];
          return ([x]) => tf.reshape(tf.transpose(tf.reshape(x, sides), [0, 1, 2, 4, 3]), [1, outHigh, outWide, outs]);
        }
        default:
          throw new Error(`This benchmark knows no operation ${op}.`);
      }
    };
    return { places, compute: compute() };
  });
  const image = tf.transpose(tf.tensor(await numbers("image"), [1, channels, height, width]), [0, 2, 3, 1]);
  const last = rows.reduce((reads, [, inputs], at) => {
    for (const back of inputs) reads[at + 1 - back] = at;
    return reads;
  }, []);
  const runOnce = () =>
    tf.tidy(() => {
      const values = [image];
      steps.forEach(({ places, compute }, at) => {
        values.push(compute(places.map((value) => values[value])));
        // As the converter's programs do: what nobody reads any more is given back.
        for (const value of new Set(places)) if (value && last[value] === at) values[value].dispose();
      });
      return values.at(-1);
    });
  const run = async (times) => {
    let found;
    for (let i = 0; i < times; i++) {
      const result = runOnce();
      found = await result.data();
      result.dispose();
    }
    return [...found];
  };
  return { run, end: () => {} };
}

const MAKERS = { book: makeBook, "TensorFlow.js": makeTensorFlow, "ONNX Runtime Web": makeOnnx };

/** Make one contestant and look at its outputs. */
export async function prepare(name, network) {
  globalThis.contestants ??= {};
  globalThis.contestants[name]?.end();
  globalThis.contestants[name] = await MAKERS[name](network);
  return await globalThis.contestants[name].run(2);
}

/** Milliseconds of one run, from as many as fill the time. */
export async function time(name, milliseconds) {
  const { run } = globalThis.contestants[name];
  let times = 1;
  for (;;) {
    const start = performance.now();
    await run(times);
    const taken = performance.now() - start;
    if (taken >= milliseconds) return taken / times;
    times = Math.ceil(times * Math.min(10, 1.2 * milliseconds / Math.max(taken, 1)));
  }
}
