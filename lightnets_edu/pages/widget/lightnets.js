// The engine of every widget: it draws what the specification declares and evaluates its formulas, which arrive as
// trees. The same module runs in Jupyter and Colab (anywidget) and in the built page (static.js gives it a model).
// widgets.py joins this file and pictures.js into that module.

// ---- Formulas -------------------------------------------------------------------------------------------------
// Numbers are doubles, so whole numbers are exact below 2**53. Python's floor and remainder: the sign of the divisor.
const modulo = (a, b) => ((a % b) + b) % b;

// Logarithm and exponential as in formulas/real.py, line by line: languages promise equal results for + - * / only.
const [LN2_HIGH, LN2_LOW, LN2, SQRT2] = [6.93147180369123816490e-01, 1.90821492927058770002e-10, 0.6931471805599453, 1.4142135623730951];

function log(x) {
  if (!(x > 0) || x === Infinity) return x === Infinity ? x : NaN;
  let k = 0;
  for (; x > SQRT2; k += 1) x /= 2;
  for (; x < SQRT2 / 2; k -= 1) x *= 2;
  const s = (x - 1) / (x + 1);
  let total = 0;
  for (let n = 23; n > 1; n -= 2) total = (total + 1 / n) * (s * s);
  return k * LN2_HIGH + (2 * s + (2 * s * total + k * LN2_LOW));
}

function exp(x) {
  if (x > 710) return Infinity;
  if (x < -746) return 0;
  const k = Math.floor(x / LN2 + 0.5);
  const r = (x - k * LN2_HIGH) - k * LN2_LOW;
  let total = 1;
  for (let n = 14; n > 0; n -= 1) total = 1 + (total * r) / n;
  for (let n = Math.abs(k); n > 0; n -= 1) total = k > 0 ? total * 2 : total / 2;
  return total;
}

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
  log,
  exp,
};

/** Turn a tree into a function of an object of named numbers. */
export function compile(tree) {
  if (typeof tree === "number") return () => tree;
  if (typeof tree === "string") return (values) => Number(values[tree]);
  const args = tree.args.map(compile);
  if (tree.op === "if") return (values) => (args[0](values) ? args[1](values) : args[2](values));
  if (tree.op === "and") return (values) => args.every((arg) => arg(values));
  if (tree.op === "or") return (values) => args.some((arg) => arg(values));
  const operation = OPERATIONS[tree.op];
  if (!operation) throw new Error(`unknown operation in a formula: ${tree.op}`);
  const [a, b] = args;
  if (args.length === 1) return (values) => operation(Number(a(values)));
  if (args.length === 2) return (values) => operation(Number(a(values)), Number(b(values)));
  return (values) => operation(...args.map((arg) => Number(arg(values))));
}

/** The names that a tree reads, added to a set. */
function addNames(names, tree) {
  if (typeof tree === "string") names.add(tree);
  else if (typeof tree === "object") for (const arg of tree.args) addNames(names, arg);
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

/** The first numbers that divide all the given ones, as a phrase: "1, 2, 4 or 8". */
function divisorsText(numbers, most = 8) {
  const common = numbers.reduce(gcd);
  const found = [];
  for (let n = 1; n <= common; n += 1) if (common % n === 0) found.push(n);
  if (found.length > most) return `${found.slice(0, most).join(", ")} …`;
  return [found.slice(0, -1).join(", "), found[found.length - 1]].filter((part) => part !== "").join(" or ");
}

/** Put values into a check's message: {name}, {divisors(a, b)}. */
function fillMessage(message, values) {
  return message.replace(/\{(\w+)(?:\(([\w, ]+)\))?\}/g, (_, name, args) =>
    args === undefined ? String(values[name]) : divisorsText(args.split(",").map((arg) => values[arg.trim()])),
  );
}

/** The steps that some names need, without the others. */
function neededSteps(steps, names) {
  const needed = new Set(names);
  return [...steps].reverse().filter(([name, tree]) => {
    if (needed.has(name)) addNames(needed, tree);
    return needed.has(name);
  }).reverse();
}

/**
 * Compile a specification once: settings and data in, the values by name out. A check that fails is `broken`, and then
 * the outputs are not among the values. With `wanted`, only these outputs and what they need are computed.
 */
function compileSpec(spec, wanted = spec.outputs.map(({ name }) => name)) {
  const compileSteps = (steps) => steps.map(([name, tree]) => ({ name, run: compile(tree) }));
  const definitions = compileSteps(spec.definitions);
  const results = compileSteps(neededSteps(spec.results, wanted));
  const checks = spec.checks.map(([tree, message]) => ({ holds: compile(tree), message }));
  return (settings, data) => {
    const values = {};
    for (const control of spec.controls) values[control.name] = code(control, settings[control.name]);
    for (const lookup of spec.lookups) {
      const row = lookup.keys.reduce((table, key) => table[settings[key]], data[lookup.table]);
      for (const name of lookup.names) values[name] = row[name];
    }
    for (const { name, run } of definitions) values[name] = run(values);
    const broken = checks.find(({ holds }) => !holds(values));
    if (!broken) for (const { name, run } of results) values[name] = run(values);
    return { values, broken };
  };
}

/** The settings as they stand in sentences. */
function shownSettings(spec, settings) {
  return Object.fromEntries(spec.controls.map(({ kind, name }) =>
    [name, kind === "toggle" ? (settings[name] ? "True" : "False") : settings[name]]));
}

/** The number that formulas see for a control's value. */
function code(control, value) {
  if (control.kind === "toggle") return value ? 1 : 0;
  if (control.kind === "choice") return control.codes[control.options.findIndex(([known]) => known === value)];
  return Math.round(value * control.scale);
}

// ---- Drawing --------------------------------------------------------------------------------------------------
const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "tspan"]);
let created = 0;

/** An element with attributes and children; null attributes and children are left out. */
function make(tag, attributes = {}, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** One control: a label, one native input and, for sliders, the value between two buttons. */
function makeControl(control, change, present) {
  const id = `lightnets-${(created += 1)}`;
  const label = make("label", { for: id }, control.label);
  if (control.kind === "toggle") {
    const input = make("input", { type: "checkbox", id, name: control.name });
    input.addEventListener("input", () => change(input.checked));
    return { row: make("div", { class: "ln-control" }, label, make("span", { class: "ln-switch" }, input)),
      show: (value) => { input.checked = value; } };
  }
  if (control.kind === "choice") {
    const input = make("select", { id, name: control.name },
      ...control.options.map(([value, text]) => make("option", { value }, text)));
    input.addEventListener("input", () => change(control.options[input.selectedIndex][0]));
    return { row: make("div", { class: "ln-control" }, label, make("span", { class: "ln-switch" }, input)),
      show: (value) => { input.selectedIndex = control.options.findIndex(([known]) => known === value); } };
  }
  return makeSlider(control, id, label, change, present);
}

/** Whole numbers from minimum to maximum that divide all the given numbers. */
function divisorsBetween({ minimum, maximum }, numbers) {
  const common = numbers.reduce(gcd);
  const found = [];
  for (let n = Math.max(1, minimum); n <= Math.min(maximum, common); n += 1) if (common % n === 0) found.push(n);
  return found;
}

/** `present` gives the numbers by name, for a slider whose buttons go from divisor to divisor. */
function makeSlider(control, id, label, change, present) {
  const { name, minimum, maximum, step, scale, unit } = control;
  const input = make("input", { type: "range", id, name, min: minimum, max: maximum, step, autocomplete: "off" });
  const shown = make("span");
  const output = make("output", { for: id, class: "ln-value" }, shown, unit ? make("span", { class: "ln-unit" }, ` ${unit}`) : null);
  const onGrid = (value) => Math.round(value * scale) / scale;
  const nudge = (by) => {
    const value = Number(input.value);
    if (!control.divides.length) {
      change(onGrid(Math.min(maximum, Math.max(minimum, value + by))));
      return;
    }
    const allowed = divisorsBetween(control, control.divides.map((other) => present()[other]));
    const next = by > 0 ? allowed.find((divisor) => divisor > value) : allowed.findLast((divisor) => divisor < value);
    if (next !== undefined) change(next);
  };
  const button = (text, word, by) => {
    const element = make("button", { type: "button", class: "ln-nudge", "aria-label": `${word} ${control.label.toLowerCase()}` }, text);
    element.addEventListener("click", () => nudge(by));
    return element;
  };
  input.addEventListener("input", () => change(onGrid(Number(input.value))));
  // Room for the longest value, so that the slider keeps its length under the finger.
  const digits = Math.max(...[minimum, maximum, maximum - step].map((value) => String(onGrid(value)).length));
  const longest = 1.05 * digits + (unit ? 0.75 * (unit.length + 1) : 0);
  const row = make("div", { class: "ln-control", style: `--ln-longest: ${longest.toFixed(1)}ch` }, label, button("−", "Less", -step), input, button("+", "More", step), output);
  const show = (value) => {
    if (Number(input.value) !== value) input.value = value;
    setText(shown, String(value));
    if (unit) input.setAttribute("aria-valuetext", `${value} ${unit}`);
  };
  return { row, show };
}

/** An element that carries one output; the same number may stand in several places. */
function makeNumber(name, tag, attributes = {}) {
  return make(tag, { ...attributes, "data-output": name });
}

function makeHeadline(spec, byName) {
  return make("dl", { class: "ln-headline" }, ...spec.headline.map((name) => {
    const { label, unit, help } = byName[name];
    return make("div", {}, make("dt", {}, label),
      make("dd", {}, makeNumber(name, "span"), unit ? make("span", { class: "ln-unit" }, ` ${unit}`) : null),
      help ? make("dd", { class: "ln-help" }, help) : null);
  }));
}

function makeDetails(spec, byName) {
  const elsewhere = new Set(spec.headline);
  for (const table of spec.tables) for (const row of table.rows) for (const cell of row.cells) elsewhere.add(cell);
  const names = spec.outputs.map((output) => output.name).filter((name) => !elsewhere.has(name));
  if (!names.length) return null;
  return make("dl", { class: "ln-details" }, ...names.map((name) => {
    const { label, unit, help } = byName[name];
    return make("div", {}, make("dt", {}, label, help ? make("span", { class: "ln-help" }, help) : null),
      make("dd", {}, makeNumber(name, "span"), unit ? make("span", { class: "ln-unit" }, ` ${unit}`) : null));
  }));
}

function makeTable(table, bars) {
  const body = table.rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.label),
    ...row.cells.map((name, column) => {
      const cell = make("td", {}, makeNumber(name, "span"));
      if (table.bars) {
        const bar = make("i");
        (bars[column] ??= []).push({ name, bar });
        cell.append(make("span", { class: "ln-bar", "aria-hidden": "true" }, bar));
      }
      return cell;
    })));
  const head = make("tr", {}, make("td"), ...table.columns.map((column) => make("th", { scope: "col" }, column)));
  const style = `--ln-columns: ${table.columns.length}`;
  return make("table", { class: "ln-table", style }, make("caption", {}, table.caption), make("thead", {}, head), make("tbody", {}, ...body));
}

const format = (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits ?? 0, maximumFractionDigits: digits ?? 0 });

// ---- The widget -----------------------------------------------------------------------------------------------
function render({ model, el }) {
  const spec = model.get("spec");
  const evaluate = compileSpec(spec);
  const byName = Object.fromEntries(spec.outputs.map((output) => [output.name, { ...output, number: format(output.digits) }]));
  const settings = () => Object.fromEntries(spec.controls.map(({ name }) => [name, model.get(name)]));
  const first = settings();
  let busy = false;
  let values = {};

  const controls = spec.controls.map((control) => ({
    name: control.name,
    ...makeControl(control, (value) => assign({ [control.name]: value }), () => values),
  }));
  const reset = make("button", { type: "button", class: "ln-reset" }, "Reset");
  reset.addEventListener("click", () => assign(first));
  const status = make("p", { class: "ln-status", role: "status", "aria-live": "polite" });
  const bars = spec.tables.map(() => []);
  const pictures = spec.pictures.map((picture) => makePicture(picture, spec, byName));
  const title = `lightnets-${(created += 1)}`;
  const description = `lightnets-${(created += 1)}`;
  const root = make("div", { class: "ln-widget", role: "group", "aria-labelledby": title, "aria-describedby": description },
    make("div", { class: "ln-top" }, make("p", { class: "ln-title", id: title }, spec.title), reset),
    make("p", { class: "ln-description", id: description }, spec.description),
    make("div", { class: "ln-controls" }, ...controls.map(({ row }) => row)),
    make("div", { class: "ln-results" }, makeHeadline(spec, byName), status),
    make("div", { class: "ln-more" }, makeDetails(spec, byName), ...pictures.map(({ figure }) => figure)),
    ...spec.tables.map((table, index) => makeTable(table, bars[index])));
  const numbers = [...root.querySelectorAll("[data-output]")].map((element) => ({ element, output: byName[element.dataset.output] }));

  /** Set controls together, so that everything is computed once. */
  function assign(changes) {
    busy = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    busy = false;
    update();
    model.save_changes();
  }

  function update() {
    if (busy) return;
    const set = settings();
    for (const { name, show } of controls) show(set[name]);
    const data = model.get("data");
    const result = evaluate(set, data);
    values = result.values;
    const { broken } = result;
    setText(status, broken ? fillMessage(broken.message, { ...values, ...shownSettings(spec, set) }) : "");
    root.classList.toggle("ln-broken", Boolean(broken));
    for (const { element, output } of numbers) showNumber(element, output, broken ? null : values);
    for (const picture of pictures) broken ? picture.keep() : picture.show({ values, settings: set, data });
    if (broken) return;
    for (const columns of bars) for (const column of columns) showBars(column, values);
  }

  const events = [...spec.controls.map(({ name }) => `change:${name}`), "change:data"];
  for (const event of events) model.on(event, update);
  el.append(root);
  if (!el.closest("[data-widget]")) el.dataset.widget = spec.name;
  update();
  return () => { for (const event of events) model.off(event, update); };
}

function showNumber(element, output, values) {
  if (values) {
    element.dataset.value = String(values[output.name]);
    setText(element, output.number.format(values[output.name]));
  } else {
    delete element.dataset.value;
    setText(element, "–");
  }
}

function showBars(column, values) {
  const longest = Math.max(...column.map(({ name }) => values[name]), 1e-300);
  for (const { name, bar } of column) bar.style.transform = `scaleX(${Math.max(0, values[name] / longest)})`;
}

export default { render };
