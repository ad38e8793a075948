// An exercise of a page without a kernel: its static text (shown.py) gets a form, and answers are judged.
/** @import { Component } from "../script/mount.js" */
/** @import { ChoiceSpec, CodeSpec, NumberSpec, Verdict } from "./judging.js" */
import { make, query } from "../script/dom.js";
import { judge } from "./judging.js";
import { progress } from "./progress.js";

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

/** @param {string} name @param {string} unit @returns {Form} */
function makeNumberForm(name, unit) {
  const id = `answer-${name}`;
  const input = make("input", { type: "text", id, name: "answer", autocomplete: "off", spellcheck: "false" });
  const label = make("label", { for: id }, unit ? `Your answer (${unit})` : "Your answer");
  return { form: make("form", { class: "ln-form" }, label, input), read: () => input.value.trim() };
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

/** @type {Component["render"]} */
function render({ model, el }) {
  const name = el.dataset.exercise ?? "";
  /** @type {NumberSpec | ChoiceSpec | CodeSpec} */
  const spec = model.get("spec");
  const title = query(el, ".ln-exercise-title");
  title.id = `exercise-${name}`;
  el.setAttribute("role", "group");
  el.setAttribute("aria-labelledby", title.id);
  if (spec.kind === "code") return;
  const { form, read } = spec.kind === "number" ? makeNumberForm(name, spec.unit) : makeChoiceForm(name, el);
  const status = make("p", { class: "ln-verdict", role: "status" });
  form.append(make("button", { type: "submit" }, "Check"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const verdict = judge(spec, read(), model.get("shared"));
    announce(status, verdict);
    if (verdict.status === "passed") progress.solve(name);
  });
  query(el, ".ln-note").replaceWith(form, status);
  progress.add(name, el);
}

const exercise = { render };
export default exercise;
