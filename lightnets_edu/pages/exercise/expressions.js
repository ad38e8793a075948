// Arithmetic as readers write it, evaluated by a small parser, as expressions.py does; no text is run as code.

/**
 * The patterns and words of expressions.py.
 *
 * @typedef {object} Grammar
 * @property {Record<string, [pattern: string, separators: string]>} literals
 * @property {Record<string, string[]>} readings
 * @property {string} power
 * @property {string} suffix
 * @property {Record<string, number>} suffixes
 * @property {string} name
 * @property {string} times
 * @property {Record<string, string>} same
 * @property {string} superscripts
 * @property {string[]} oneArgument
 * @property {number} deepest
 */

/** @typedef {Record<string, number>} Values */

/** @type {Record<string, (a: number, b: number) => boolean>} */
const COMPARE = {
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
};
/** @type {Record<string, (...numbers: number[]) => number>} */
const CALL = {
  sqrt: Math.sqrt,
  ln: Math.log,
  log: Math.log,
  exp: Math.exp,
  floor: Math.floor,
  ceil: Math.ceil,
  min: Math.min,
  max: Math.max,
};
/** @type {Values} */
const CONSTANTS = { e: Math.E, pi: Math.PI };

/** A text that is no expression, or one without a value: its kind, and the part that is to blame. */
export class NotRead extends Error {
  /** @param {string} kind @param {string} [part] */
  constructor(kind, part = "") {
    super(`${kind}: ${part}`);
    this.kind = kind;
    this.part = part;
  }
}

/** The same text with one way of writing each sign. @param {string} text @param {Grammar} grammar */
export function normalise(text, { same, superscripts }) {
  let plain = text;
  for (const [pattern, sign] of Object.entries(same)) plain = plain.replace(new RegExp(pattern, "g"), sign);
  const raised = new RegExp(`[${superscripts}]+`, "g");
  return plain.replace(raised, (digits) => `^${[...digits].map((digit) => superscripts.indexOf(digit)).join("")}`)
    .trim();
}

/** Whole exponents multiply, as in Python. @param {number} base @param {number} exponent */
function power(base, exponent) {
  let value = 1;
  if (exponent !== Math.floor(exponent) || Math.abs(exponent) > 64) value = base ** exponent;
  else {
    for (let n = 0; n < Math.abs(exponent); n += 1) value *= base;
    if (exponent < 0) value = 1 / value;
  }
  if (!Number.isFinite(value)) throw new NotRead("no_value");
  return value;
}

class Parser {
  place = 0;
  depth = 0;

  /** @param {string} text @param {string} reading @param {Values | null} values @param {Grammar} grammar */
  constructor(text, reading, values, grammar) {
    this.text = text;
    this.reading = reading;
    this.values = values;
    this.grammar = grammar;
  }

  /** The pattern if it stands here, after spaces. @param {string} pattern @param {string} before @param {string} flags */
  take(pattern, before = " *", flags = "") {
    const expression = new RegExp(`${before}(?:${pattern})`, `y${flags}`);
    expression.lastIndex = this.place;
    const found = expression.exec(this.text);
    if (found) this.place = expression.lastIndex;
    return found;
  }

  /** @returns {number} */
  whole() {
    return this.values ? this.logic() : this.sum();
  }

  /** @returns {number} */
  logic() {
    let value = this.conjunction();
    while (this.take("or\\b")) {
      const other = this.conjunction();
      value = value || other;
    }
    return value;
  }

  /** @returns {number} */
  conjunction() {
    let value = this.comparison();
    while (this.take("and\\b")) {
      const other = this.comparison();
      value = value && other;
    }
    return value;
  }

  /** @returns {number} */
  comparison() {
    const value = this.sum();
    const sign = this.take(Object.keys(COMPARE).join("|"));
    return sign ? Number(COMPARE[sign[0].trim()](value, this.sum())) : value;
  }

  /** @returns {number} */
  sum() {
    let value = this.product();
    for (let sign = this.take("[+-]"); sign; sign = this.take("[+-]")) {
      const other = this.product();
      value = sign[0].trim() === "+" ? value + other : value - other;
    }
    return value;
  }

  /** @returns {number} */
  product() {
    const pattern = `${this.grammar.times}|//?`;
    let value = this.signed();
    for (let sign = this.take(pattern); sign; sign = this.take(pattern)) {
      const other = this.signed();
      const kind = sign[0].trim();
      if (kind.startsWith("/") && !other) throw new NotRead("no_value");
      value = kind === "//" ? Math.floor(value / other) : kind === "/" ? value / other : value * other;
    }
    return value;
  }

  /** @returns {number} */
  signed() {
    const sign = this.take("[+-]");
    if (!sign) return this.power();
    return sign[0].trim() === "-" ? -this.signed() : this.signed();
  }

  /** @returns {number} */
  power() {
    const base = this.atom();
    return this.take("\\^|\\*\\*") ? power(base, this.signed()) : base;
  }

  /** @returns {number} */
  atom() {
    const { name, suffix, suffixes } = this.grammar;
    if (this.take("\\(")) {
      this.depth += 1;
      if (this.depth > this.grammar.deepest) throw new NotRead("unreadable");
      const value = this.whole();
      this.depth -= 1;
      if (!this.take("\\)")) throw new NotRead("unreadable");
      const found = this.values ? null : this.take(suffix, "");
      return found ? value * 10 ** suffixes[found[1].toLowerCase()] : value;
    }
    const number = this.number();
    if (number !== null) return number;
    const found = this.take(name);
    if (!found) throw new NotRead("unreadable");
    return this.named(found[0].trim());
  }

  number() {
    const { literals, readings, power: exponent, suffix, suffixes } = this.grammar;
    for (const kind of readings[this.reading]) {
      const [pattern, separators] = literals[kind];
      const found = this.take(pattern);
      if (!found) continue;
      const digits = [...found[0].trim()].filter((sign) => !separators.includes(sign)).join("").replace(",", ".");
      const tens = Number(this.take(exponent, "")?.[1] ?? 0);
      const more = this.values ? null : this.take(suffix, "", "i");
      return Number(`${digits}e${tens + (more ? suffixes[more[1].toLowerCase()] : 0)}`);
    }
    return null;
  }

  /** @param {string} name @returns {number} */
  named(name) {
    if (this.values && Object.hasOwn(this.values, name)) return this.values[name];
    if (Object.hasOwn(CALL, name) && this.take("\\(")) {
      const numbers = [this.sum()];
      while (this.take(",")) numbers.push(this.sum());
      const one = this.grammar.oneArgument.includes(name);
      if (!this.take("\\)") || (numbers.length === 1) !== one) throw new NotRead("unreadable");
      const value = CALL[name](...numbers);
      if (!Number.isFinite(value)) throw new NotRead("no_value");
      return value;
    }
    if (Object.hasOwn(CONSTANTS, name)) return CONSTANTS[name];
    throw new NotRead(this.values ? "unknown_name" : "unreadable", name);
  }
}

/**
 * The value at the beginning of a normalised text, and what follows it.
 * @param {string} text @param {string} reading @param {Values | null} values @param {Grammar} grammar
 * @returns {[value: number, rest: string]}
 */
export function evaluate(text, reading, values, grammar) {
  const parser = new Parser(text, reading, values, grammar);
  const value = parser.whole();
  if (!Number.isFinite(value)) throw new NotRead("no_value");
  return [value, text.slice(parser.place).trim()];
}
