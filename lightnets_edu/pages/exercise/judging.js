// An answer against an exercise, in the sentences of judging.py.
/** @import { Shared } from "./reading.js" */
import { fill, howFar, isNear, readText, withUnit } from "./reading.js";

/** @typedef {"passed" | "failed" | "waiting"} Status */
/** @typedef {{ status: Status, said: string, hint?: string }} Verdict What is said is text, the hint is HTML. */

/**
 * @typedef {object} NumberSpec
 * @property {"number"} kind
 * @property {number} expected
 * @property {string} answer The number as it is shown.
 * @property {number} tolerance
 * @property {string} unit
 * @property {[wrong: number, hint: string][]} mistakes
 * @property {string} hint
 */

/** @typedef {{ kind: "choice", options: Record<string, [right: boolean, hint: string]> }} ChoiceSpec */
/** @typedef {{ kind: "code" }} CodeSpec Code needs Python. */

const LONGEST = 200;

/** @param {NumberSpec | ChoiceSpec} spec @param {string} answer @param {Shared} shared @returns {Verdict} */
export function judge(spec, answer, shared) {
  if (!answer) return { status: "waiting", said: shared.sentences.waiting };
  return spec.kind === "number" ? judgeNumber(spec, answer, shared) : judgeChoice(spec, answer, shared);
}

/** @param {NumberSpec} spec @param {string} written @param {Shared} shared @returns {Verdict} */
function judgeNumber({ expected, answer, tolerance, unit, mistakes, hint }, written, shared) {
  const { sentences } = shared;
  const value = readText(written, unit, shared);
  if (Number.isNaN(value)) {
    const got = written.length <= LONGEST ? written : `${written.slice(0, LONGEST - 1)}…`;
    return { status: "failed", said: fill(sentences.unreadable, { got }) };
  }
  if (value === expected) return { status: "passed", said: fill(sentences.right, { answer }) };
  if (isNear(value, expected, tolerance)) return { status: "passed", said: fill(sentences.close, { answer }) };
  const made = mistakes.find(([wrong]) => isNear(value, wrong, tolerance));
  const rounded = !tolerance && isNear(value, expected, 0.01);
  const said = fill(sentences.wrong, { got: withUnit(written, unit), how_far: howFar(value, expected, shared) });
  return { status: "failed", said, hint: made ? made[1] : rounded ? sentences.rounded : hint };
}

/** @param {ChoiceSpec} spec @param {string} key @param {Shared} shared @returns {Verdict} */
function judgeChoice({ options }, key, { sentences }) {
  const [right, hint] = options[key];
  const status = right ? "passed" : "failed";
  return { status, said: sentences[status], hint };
}
