// Formulas, which arrive as trees, and what a specification makes of them: settings in, numbers by name out.
/** @import { Control, Data, Numbers, Setting, Settings, Spec, Step, Tree } from "./spec.js" */

/** @typedef {(values: Numbers) => number | boolean} Formula */

const MOST_DIVISORS = 8;

// Numbers are doubles, so whole numbers are exact below 2**53. Python's floor and remainder: the sign of the divisor.
/** @param {number} a @param {number} b */
const modulo = (a, b) => ((a % b) + b) % b;

/** @type {Record<string, (...numbers: number[]) => number | boolean>} */
const OPERATIONS = {
  add: (...terms) => terms.reduce((a, b) => a + b),
  mul: (...factors) => factors.reduce((a, b) => a * b),
  pow: (base, exponent) => base ** exponent,
  div: (a, b) => a / b,
  mod: modulo,
  // Whole numbers first: dividing and then rounding down can go wrong, subtracting the remainder cannot.
  floordiv: (a, b) => (a - modulo(a, b)) / b + 0,
  max: Math.max,
  min: Math.min,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  not: (a) => !a,
  sqrt: Math.sqrt,
  log: Math.log,
  exp: Math.exp,
};

/** Turn a tree into a function of named numbers. @param {Tree} tree @returns {Formula} */
export function compile(tree) {
  if (typeof tree === "number") return () => tree;
  if (typeof tree === "string") return (values) => values[tree];
  const args = tree.args.map(compile);
  const [a, b, c] = args;
  if (tree.op === "if") return (values) => (a(values) ? b(values) : c(values));
  if (tree.op === "and") return (values) => args.every((arg) => arg(values));
  if (tree.op === "or") return (values) => args.some((arg) => arg(values));
  const operation = OPERATIONS[tree.op];
  if (!operation) throw new Error(`unknown operation in a formula: ${tree.op}`);
  if (args.length === 1) return (values) => operation(Number(a(values)));
  if (args.length === 2) return (values) => operation(Number(a(values)), Number(b(values)));
  return (values) => operation(...args.map((arg) => Number(arg(values))));
}

/** The names that a tree reads, added to a set. @param {Set<string>} names @param {Tree} tree */
function addNames(names, tree) {
  if (typeof tree === "string") names.add(tree);
  else if (typeof tree === "object") { for (const arg of tree.args) addNames(names, arg); }
}

/** @param {number} a @param {number} b @returns {number} */
const gcd = (a, b) => (b ? gcd(b, a % b) : a);

/**
 * Whole numbers between two ends that divide all the given numbers.
 * @param {number[]} numbers @param {{ minimum?: number, maximum?: number }} [ends]
 */
export function divisors(numbers, { minimum = 1, maximum = Infinity } = {}) {
  const common = numbers.reduce(gcd);
  const found = [];
  for (let n = Math.max(1, minimum); n <= Math.min(maximum, common); n += 1) if (common % n === 0) found.push(n);
  return found;
}

/** The first common divisors of some numbers, as a phrase: "1, 2, 4 or 8". @param {number[]} numbers */
function divisorsText(numbers) {
  const found = divisors(numbers);
  if (found.length > MOST_DIVISORS) return `${found.slice(0, MOST_DIVISORS).join(", ")} …`;
  return [found.slice(0, -1).join(", "), String(found[found.length - 1])].filter((part) => part !== "").join(" or ");
}

/** Put values into a check's message: {name}, {divisors(a, b)}. @param {string} message @param {Settings} values */
export function fillMessage(message, values) {
  return message.replace(/\{(\w+)(?:\(([\w, ]+)\))?\}/g, (_, name, args) => {
    if (args === undefined) return String(values[name]);
    return divisorsText(args.split(",").map((/** @type {string} */ arg) => values[arg.trim()]));
  });
}

/** The steps that some names need, without the others. @param {Step[]} steps @param {string[]} names */
function neededSteps(steps, names) {
  const needed = new Set(names);
  const backwards = [...steps].reverse().filter(([name, tree]) => {
    if (needed.has(name)) addNames(needed, tree);
    return needed.has(name);
  });
  return backwards.reverse();
}

/** The number that formulas see for a control's value. @param {Control} control @param {Setting} value */
function code(control, value) {
  if (control.kind === "toggle") return value ? 1 : 0;
  if (control.kind === "choice") return control.codes[control.options.findIndex(([known]) => known === value)];
  return Math.round(Number(value) * control.scale);
}

/**
 * Compile a specification once: settings and data in, the values by name out. A check that fails is `broken`, and then
 * the outputs are not among the values. With `wanted`, only these outputs and what they need are computed.
 * @param {Spec} spec @param {string[]} wanted
 */
export function compileSpec(spec, wanted = spec.outputs.map(({ name }) => name)) {
  const compileSteps = (/** @type {Step[]} */ steps) => steps.map(([name, tree]) => ({ name, run: compile(tree) }));
  const definitions = compileSteps(spec.definitions);
  const results = compileSteps(neededSteps(spec.results, wanted));
  const checks = spec.checks.map(([tree, message]) => ({ holds: compile(tree), message }));
  return (/** @type {Settings} */ settings, /** @type {Data} */ data) => {
    /** @type {Numbers} */
    const values = {};
    for (const control of spec.controls) values[control.name] = code(control, settings[control.name]);
    for (const { table, keys, names } of spec.lookups) {
      const row = keys.reduce((rows, key) => rows[String(settings[key])], data[table]);
      for (const name of names) values[name] = row[name];
    }
    for (const { name, run } of definitions) values[name] = Number(run(values));
    const broken = checks.find(({ holds }) => !holds(values));
    if (!broken) { for (const { name, run } of results) values[name] = Number(run(values)); }
    return { values, broken };
  };
}

/** The settings as they stand in sentences. @param {Spec} spec @param {Settings} settings */
export function shownSettings(spec, settings) {
  return Object.fromEntries(spec.controls.map(({ kind, name }) => {
    return [name, kind === "toggle" ? (settings[name] ? "True" : "False") : settings[name]];
  }));
}
