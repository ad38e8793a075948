// An exercise of a page without a kernel: its static text (shown.py) gets a form, and answers are judged.
/** @import { Component } from "../script/mount.js" */
/** @import { BlankSpec, ExerciseSpec, NumberSpec, Verdict } from "./judging.js" */
import { make, query } from "../script/dom.js";
import { judge } from "./judging.js";
import { progress } from "./progress.js";
import { makeRanking } from "./ranking.js";

/** @typedef {{ form: HTMLFormElement, read: () => string }} Form */

const MARKS = { passed: "✓ ", failed: "✗ ", waiting: "" };

/** Show a verdict; mathematics in it is typeset again. @param {HTMLElement} status @param {Verdict} verdict */
function announce(status, verdict) {
  const mark = make("span", { "aria-hidden": "true" }, MARKS[verdict.status]);
  const sentence = make("span", { class: "ln-sentence" }, make("b", {}, verdict.said));
  if (verdict.hint) sentence.insertAdjacentHTML("beforeend", ` ${verdict.hint}`);
  const { MathJax } = /** @type {any} */ (globalThis);
  MathJax?.typesetClear?.([status]);
  status.replaceChildren(mark, sentence);
  status.dataset.status = verdict.status;
  if (sentence.querySelector(".math")) MathJax?.typesetPromise?.([status]);
}

/** One field. @param {string} name @param {string} words @param {boolean} wide @returns {Form} */
function makeTextForm(name, words, wide) {
  const id = `answer-${name}`;
  const input = make("input", { type: "text", id, name: "answer", autocomplete: "off", spellcheck: "false" });
  if (wide) input.classList.add("ln-wide");
  input.setAttribute("autocapitalize", "off");
  const label = make("label", { for: id }, words);
  return { form: make("form", { class: "ln-form" }, label, input), read: () => input.value.trim() };
}

/** @param {string} name @param {NumberSpec | BlankSpec} spec @returns {Form} */
function makeFieldForm(name, spec) {
  if (spec.kind === "blank") return makeTextForm(name, "Your answer: the blank is", true);
  const asked = [spec.unit, spec.precision].filter((words) => words).join(", ");
  return makeTextForm(name, `Your answer (${asked})`, false);
}

/** @param {HTMLElement} host @param {HTMLElement} status @returns {Form} */
function makeRankingForm(host, status) {
  const tell = (/** @type {string} */ said) => announce(status, { status: "waiting", said });
  const { ranks, read } = makeRanking(query(host, ".ln-options"), tell);
  const form = make("form", { class: "ln-form" }, make("fieldset", {}, make("legend", {}, "Your order"), ranks));
  return { form, read };
}

/**
 * The listed options become radio buttons; their texts move, so that mathematics is typeset once.
 * @param {string} name @param {HTMLElement} host @returns {Form}
 */
function makeChoiceForm(name, host) {
  const list = query(host, ".ln-options");
  const items = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[data-option]")]);
  const inputs = items.map(({ dataset }) =>
    make("input", { type: "radio", name: `answer-${name}`, value: dataset.option ?? "" })
  );
  const rows = items.map((item, index) => make("label", {}, inputs[index], ...item.childNodes));
  list.remove();
  const form = make("form", { class: "ln-form" }, make("fieldset", {}, make("legend", {}, "Your answer"), ...rows));
  return { form, read: () => inputs.find(({ checked }) => checked)?.value ?? "" };
}

/**
 * All below the title goes under a line: the title, and how the question begins. One exercise is open at a time.
 * @param {HTMLElement} el @param {HTMLElement} title @param {boolean} open
 */
function fold(el, title, open) {
  const asked = el.querySelector(".ln-blank") ?? query(el, ".ln-question");
  const first = asked.firstElementChild?.cloneNode(true).childNodes ?? [];
  const teaser = make("span", { class: "ln-teaser", inert: "" }, ...first);
  const rest = [...el.childNodes].filter((node) => node !== title);
  const folded = make("details", { class: "ln-exercise-fold" }, make("summary", {}, title, teaser), ...rest);
  folded.open = open;
  el.append(folded);
  addEventListener("beforeprint", () => folded.open = true);
}

/** @type {Component["render"]} */
function render({ model, el }) {
  const name = el.dataset.exercise ?? "";
  /** @type {ExerciseSpec} */
  const spec = model.get("spec");
  const title = query(el, ".ln-exercise-title");
  title.id = `exercise-${name}`;
  el.setAttribute("role", "group");
  el.setAttribute("aria-labelledby", title.id);
  const status = make("p", { class: "ln-verdict", role: "status" });
  const { form, read } = spec.kind === "choice"
    ? makeChoiceForm(name, el)
    : spec.kind === "ranking"
    ? makeRankingForm(el, status)
    : makeFieldForm(name, spec);
  form.append(make("button", { type: "submit" }, "Check"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const verdict = judge(spec, read(), model.get("shared"));
    announce(status, verdict);
    if (verdict.status === "passed") progress.solve(name);
  });
  for (const part of el.querySelectorAll(".ln-blank")) part.removeAttribute("hidden");
  query(el, ".ln-note").replaceWith(form, status);
  fold(el, title, !progress.hosts.size);
  progress.add(name, el);
}

const exercise = { render };
export default exercise;
