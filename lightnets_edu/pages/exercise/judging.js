// An answer against an exercise, in the sentences of judging.py.
/** @import { Values } from "./expressions.js" */
/** @import { Shared } from "./reading.js" */
import { NotRead } from "./expressions.js";
import { fill, howFar, readFormula, readText, withUnit } from "./reading.js";

/** @typedef {"passed" | "failed" | "waiting"} Status */
/** @typedef {{ status: Status, said: string, hint?: string }} Verdict What is said is text, the hint is HTML. */

/**
 * @typedef {object} NumberSpec
 * @property {"number"} kind
 * @property {number} expected
 * @property {string} answer The number as it is shown.
 * @property {number} half How far an answer may be off.
 * @property {number} nearly How far it may be off to be called not exact enough.
 * @property {string} coarse What to say then.
 * @property {string} precision How exact it has to be, in words.
 * @property {string} unit
 * @property {[wrong: number, half: number, hint: string][]} mistakes
 * @property {string} hint
 */

/** @typedef {{ kind: "choice", options: Record<string, [right: boolean, hint: string]> }} ChoiceSpec */
/** @typedef {{ kind: "ranking", order: string[], hint: string }} RankingSpec */

/**
 * A line with a blank.
 *
 * @typedef {object} BlankSpec
 * @property {"blank"} kind
 * @property {Values[]} settings
 * @property {string[]} labels
 * @property {(number | boolean)[]} expected
 * @property {[wrong: number[], hint: string][]} mistakes
 * @property {string} hint
 */

/** @typedef {NumberSpec | ChoiceSpec | RankingSpec | BlankSpec} ExerciseSpec */

/** @param {ExerciseSpec} spec @param {string} answer @param {Shared} shared @returns {Verdict} */
export function judge(spec, answer, shared) {
  if (!answer) return { status: "waiting", said: shared.sentences.waiting };
  if (spec.kind === "number") return judgeNumber(spec, answer, shared);
  if (spec.kind === "choice") return judgeChoice(spec, answer, shared);
  return spec.kind === "ranking" ? judgeRanking(spec, answer, shared) : judgeBlank(spec, answer, shared);
}

/** @param {string} written @param {Shared} shared */
const shorten = (written, { longest }) =>
  [...written].length <= longest ? written : `${[...written].slice(0, longest - 1).join("")}…`;

/** @param {NumberSpec} spec @param {string} written @param {Shared} shared @returns {Verdict} */
function judgeNumber(spec, written, shared) {
  const { expected, answer, half, nearly, coarse, unit, mistakes, hint } = spec;
  const { sentences } = shared;
  /** @type {number[]} */
  let values;
  try {
    values = readText(written, unit, shared);
  } catch (error) {
    if (!(error instanceof NotRead)) throw error;
    const { kind, part } = error;
    return { status: "failed", said: fill(sentences[kind], { got: shorten(written, shared), part, unit }) };
  }
  if (values.includes(expected)) return { status: "passed", said: fill(sentences.right, { answer }) };
  if (values.some((value) => Math.abs(value - expected) <= half)) {
    return { status: "passed", said: fill(sentences.close, { answer }) };
  }
  const made = mistakes.flatMap(([wrong, limit, said]) => {
    return values.filter((value) => Math.abs(value - wrong) <= limit).map((value) => ({ value, said }));
  });
  const { value, said: known } = made[0] ?? { value: values[0], said: "" };
  const said = fill(sentences.wrong, {
    got: withUnit(written, unit, shared),
    how_far: howFar(value, expected, shared),
  });
  return { status: "failed", said, hint: known || (Math.abs(value - expected) <= nearly ? coarse : hint) };
}

/** @param {ChoiceSpec} spec @param {string} key @param {Shared} shared @returns {Verdict} */
function judgeChoice({ options }, key, { sentences }) {
  const [right, hint] = options[key];
  const status = right ? "passed" : "failed";
  return { status, said: sentences[status], hint };
}

/** @param {RankingSpec} spec @param {string} written @param {Shared} shared @returns {Verdict} */
function judgeRanking({ order, hint }, written, { sentences }) {
  const letters = written.split(" ");
  const pairs = letters.slice(1).flatMap((below, index) => {
    return order.indexOf(letters[index]) > order.indexOf(below) ? [`${letters[index]} and ${below}`] : [];
  });
  if (!pairs.length) return { status: "passed", said: sentences.ordered };
  return { status: "failed", said: fill(sentences.unordered, { pairs: pairs.join("; ") }), hint };
}

/** Up to the rounding of doubles; a truth is 1 or 0. @param {number} value @param {number | boolean} expected */
const agrees = (value, expected) => Math.abs(value - Number(expected)) <= 1e-9 * Math.abs(Number(expected));

/** @param {BlankSpec} spec @param {string} written @param {Shared} shared @returns {Verdict} */
function judgeBlank({ settings, labels, expected, mistakes, hint }, written, shared) {
  const { sentences } = shared;
  /** @type {number[]} */
  const values = [];
  for (const [index, setting] of settings.entries()) {
    try {
      values.push(readFormula(written, setting, shared));
    } catch (error) {
      if (!(error instanceof NotRead)) throw error;
      /** @type {Record<string, string>} */
      const kinds = { no_value: "undefined", unknown_name: "unknown_name" };
      const kind = kinds[error.kind] ?? "no_formula";
      const names = Object.keys(setting).join(", ");
      const parts = { setting: labels[index], part: error.part, names, got: shorten(written, shared) };
      return { status: "failed", said: fill(sentences[kind], parts), hint: kind === "undefined" ? hint : "" };
    }
  }
  const wrong = values.findIndex((value, index) => !agrees(value, expected[index]));
  if (wrong < 0) return { status: "passed", said: fill(sentences.agrees, { count: String(values.length) }) };
  const made = mistakes.find(([other]) => values.every((value, index) => agrees(value, other[index])));
  const right = expected[wrong];
  const truth = right ? "false instead of true" : "true instead of false";
  const far = typeof right === "boolean" ? truth : howFar(values[wrong], right, shared);
  return {
    status: "failed",
    said: fill(sentences.differs, { setting: labels[wrong], how_far: far }),
    hint: made ? made[1] : hint,
  };
}
