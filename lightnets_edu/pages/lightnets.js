// The engine of every widget: it draws what the specification declares and evaluates its formulas, which arrive as
// trees. The same module runs in Jupyter and Colab (anywidget) and in the built page (static.js gives it a model).

// ---- Formulas -------------------------------------------------------------------------------------------------
// Numbers are doubles, so whole numbers are exact below 2**53. Python's floor and remainder: the sign of the divisor.
const modulo = (a, b) => ((a % b) + b) % b;
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
  return (values) => operation(...args.map((arg) => Number(arg(values))));
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

/** Compile a specification once: settings in, {message} or {numbers} out. */
function compileSpec(spec) {
  const outputs = new Set(spec.outputs.map((output) => output.name));
  const steps = spec.steps.map(([name, tree]) => ({ name, run: compile(tree) }));
  const definitions = steps.filter(({ name }) => !outputs.has(name));
  const results = steps.filter(({ name }) => outputs.has(name));
  const checks = spec.checks.map(([tree, message]) => ({ holds: compile(tree), message }));
  return (settings, data) => {
    const values = {};
    const shown = {};
    for (const control of spec.controls) {
      const value = settings[control.name];
      values[control.name] = code(control, value);
      shown[control.name] = control.kind === "toggle" ? (value ? "True" : "False") : value;
    }
    for (const lookup of spec.lookups) {
      const row = lookup.keys.reduce((table, key) => table[settings[key]], data[lookup.table]);
      for (const name of lookup.names) values[name] = row[name];
    }
    for (const { name, run } of definitions) values[name] = run(values);
    for (const { holds, message } of checks) {
      if (!holds(values)) return { message: fillMessage(message, { ...values, ...shown }) };
    }
    for (const { name, run } of results) values[name] = run(values);
    return { numbers: values };
  };
}

/** The number that formulas see for a control's value. */
function code(control, value) {
  if (control.kind === "toggle") return value ? 1 : 0;
  if (control.kind === "choice") return control.codes[control.options.findIndex(([known]) => known === value)];
  return Math.round(value * control.scale);
}

// ---- Drawing --------------------------------------------------------------------------------------------------
const SVG = "http://www.w3.org/2000/svg";
let created = 0;

/** An element with attributes and children; null attributes and children are left out. */
function make(tag, attributes = {}, ...children) {
  const element = tag in { svg: 1, path: 1, text: 1, rect: 1 } ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** One control: a label, one native input and, for sliders, the value between two buttons. */
function makeControl(control, change) {
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
  return makeSlider(control, id, label, change);
}

function makeSlider(control, id, label, change) {
  const { name, minimum, maximum, step, scale, unit } = control;
  const input = make("input", { type: "range", id, name, min: minimum, max: maximum, step, autocomplete: "off" });
  const shown = make("output", { for: id, class: "ln-value" });
  const onGrid = (value) => Math.round(value * scale) / scale;
  const nudge = (by) => change(onGrid(Math.min(maximum, Math.max(minimum, Number(input.value) + by))));
  const button = (text, word, by) => {
    const element = make("button", { type: "button", class: "ln-nudge", "aria-label": `${word} ${control.label.toLowerCase()}` }, text);
    element.addEventListener("click", () => nudge(by));
    return element;
  };
  input.addEventListener("input", () => change(onGrid(Number(input.value))));
  const row = make("div", { class: "ln-control" }, label, button("−", "Less", -step), input, button("+", "More", step), shown);
  const show = (value) => {
    if (Number(input.value) !== value) input.value = value;
    setText(shown, unit ? `${value} ${unit}` : String(value));
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

// ---- Pictures -------------------------------------------------------------------------------------------------
const MOST_CELLS = 32;

/** Which input channel feeds which output channel, as a matrix: a row an output channel, a column an input channel. */
function connectivity([inputs, outputs, groups], values) {
  const columns = Math.min(values[inputs], MOST_CELLS);
  const rows = Math.min(values[outputs], MOST_CELLS);
  const [ins, outs, count] = [values[inputs], values[outputs], values[groups]];
  const [wide, high] = [ins / count, outs / count];
  const edge = (cell, cells, channels) => Math.floor((cell * channels) / cells);
  const paths = [];
  for (let row = 0; row < rows; row += 1) {
    const [top, bottom] = [edge(row, rows, outs), edge(row + 1, rows, outs)];
    for (let column = 0; column < columns; column += 1) {
      const [left, right] = [edge(column, columns, ins), edge(column + 1, columns, ins)];
      const first = Math.max(Math.floor(top / high), Math.floor(left / wide));
      const last = Math.min(Math.ceil(bottom / high), Math.ceil(right / wide));
      let connected = 0;
      for (let group = first; group < last; group += 1) {
        connected += (Math.min(right, (group + 1) * wide) - Math.max(left, group * wide))
          * (Math.min(bottom, (group + 1) * high) - Math.max(top, group * high));
      }
      if (connected > 0) {
        // A cell that stands for several channels is as full as the share of them that are connected.
        const side = 0.86 * Math.max(0.3, Math.sqrt(connected / ((bottom - top) * (right - left))));
        paths.push(`M${(column + 0.5 - side / 2).toFixed(2)} ${(row + 0.5 - side / 2).toFixed(2)}h${side.toFixed(2)}v${side.toFixed(2)}h-${side.toFixed(2)}z`);
      }
    }
  }
  const s = (n) => (n === 1 ? "" : "s");
  let sentence;
  if (count === 1) sentence = `Dense: each of the ${outs} output channel${s(outs)} reads ${ins === 1 ? "the one input channel" : `all ${ins} input channels`}.`;
  else if (wide === 1) sentence = `Diagonal (depthwise): each of the ${outs} output channels reads one input channel of ${ins}.`;
  else sentence = `Block-diagonal: ${count} groups; each of the ${outs} output channels reads the ${wide} input channels of its own group, of ${ins}.`;
  if (columns < ins || rows < outs) {
    sentence += ` Drawn with ${columns} × ${rows} cells: one stands for about ${+(ins / columns).toFixed(1)} input and ${+(outs / rows).toFixed(1)} output channels, and is filled as far as they are connected.`;
  }
  return { columns, rows, path: paths.join(""), sentence };
}
const PICTURES = { connectivity };

function makePicture(picture) {
  const background = make("rect", { class: "ln-paper", x: 0, y: 0 });
  const cells = make("path", { class: "ln-cells" });
  const drawing = make("svg", { role: "img", preserveAspectRatio: "xMidYMid meet" }, background, cells);
  const caption = make("figcaption");
  const figure = make("figure", { class: "ln-picture" },
    make("div", { class: "ln-axis ln-across", "aria-hidden": "true" }, "input channels →"),
    make("div", { class: "ln-axis ln-down", "aria-hidden": "true" }, "output channels →"), drawing, caption);
  const say = (sentence) => {
    drawing.setAttribute("aria-label", sentence);
    setText(caption, sentence);
  };
  let last = "";
  const show = (values) => {
    const { columns, rows, path, sentence } = PICTURES[picture.kind](picture.uses, values);
    last = sentence;
    drawing.setAttribute("viewBox", `-0.25 -0.25 ${columns + 0.5} ${rows + 0.5}`);
    background.setAttribute("width", columns);
    background.setAttribute("height", rows);
    cells.setAttribute("d", path);
    say(sentence);
  };
  const keep = () => say(last ? `The last possible setting: ${last}` : "No picture: this setting is not possible.");
  return { figure, show, keep };
}

// ---- The widget -----------------------------------------------------------------------------------------------
function render({ model, el }) {
  const spec = model.get("spec");
  const evaluate = compileSpec(spec);
  const byName = Object.fromEntries(spec.outputs.map((output) => [output.name, { ...output, number: format(output.digits) }]));
  const settings = () => Object.fromEntries(spec.controls.map(({ name }) => [name, model.get(name)]));
  const first = settings();
  let busy = false;

  const controls = spec.controls.map((control) => ({
    name: control.name,
    ...makeControl(control, (value) => assign({ [control.name]: value })),
  }));
  const reset = make("button", { type: "button", class: "ln-reset" }, "Reset");
  reset.addEventListener("click", () => assign(first));
  const status = make("p", { class: "ln-status", role: "status", "aria-live": "polite" });
  const bars = spec.tables.map(() => []);
  const picture = spec.picture ? makePicture(spec.picture) : null;
  const title = `lightnets-${(created += 1)}`;
  const description = `lightnets-${(created += 1)}`;
  const root = make("div", { class: "ln-widget", role: "group", "aria-labelledby": title, "aria-describedby": description },
    make("div", { class: "ln-top" }, make("p", { class: "ln-title", id: title }, spec.title), reset),
    make("p", { class: "ln-description", id: description }, spec.description),
    make("div", { class: "ln-controls" }, ...controls.map(({ row }) => row)),
    make("div", { class: "ln-results" }, makeHeadline(spec, byName), status),
    make("div", { class: "ln-more" }, makeDetails(spec, byName), picture ? picture.figure : null),
    ...spec.tables.map((table, index) => makeTable(table, bars[index])));
  const numbers = [...root.querySelectorAll("[data-output]")].map((element) => ({ element, output: byName[element.dataset.output] }));

  /** Set controls together, so that everything is computed once. */
  function assign(values) {
    busy = true;
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    busy = false;
    update();
    model.save_changes();
  }

  function update() {
    if (busy) return;
    const values = settings();
    for (const { name, show } of controls) show(values[name]);
    const result = evaluate(values, model.get("data"));
    setText(status, result.message ?? "");
    root.classList.toggle("ln-broken", "message" in result);
    for (const { element, output } of numbers) showNumber(element, output, result.numbers);
    if (picture) result.numbers ? picture.show(result.numbers) : picture.keep();
    if (!result.numbers) return;
    for (const columns of bars) for (const column of columns) showBars(column, result.numbers);
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
