// Gives the exercises of a page without a kernel their forms, judges the answers as judging.py does, and remembers
// in this browser alone what was solved.
(() => {
  "use strict";
  const { sentences, number, suffixes, near, far } = "SHARED";
  const style = "STYLE";
  const NUMBER = new RegExp(number, "i");
  const LONGEST = 200;

  // ---- Numbers, as in reading.py ------------------------------------------------------------------------------
  const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const withUnit = (text, unit) => (!unit || text.toLowerCase().endsWith(unit.toLowerCase()) ? text : `${text} ${unit}`);
  const isNear = (value, expected, tolerance) => Math.abs(value - expected) <= tolerance * Math.abs(expected);

  function readPlain(text) {
    const match = NUMBER.exec(text.trim());
    if (!match) return NaN;
    const [, sign, digits, power, suffix] = match;
    return Number(`${sign}${digits.replace(/[,_ ]/g, "")}e${Number(power ?? 0) + suffixes[suffix.toLowerCase()]}`);
  }

  /** The number in a text, or NaN. */
  function readText(written, unit) {
    let text = written.replace(/[\u00a0\u2009\u202f]/g, " ").replace(/−/g, "-").trim();
    if (unit && text.toLowerCase().endsWith(unit.toLowerCase())) text = text.slice(0, -unit.length).trim();
    const cut = text.indexOf("/");
    const value = cut < 0 ? readPlain(text) : readPlain(text.slice(0, cut)) / readPlain(text.slice(cut + 1));
    return Number.isFinite(value) ? value : NaN;
  }

  function howFar(got, expected) {
    const direction = got > expected ? "too large" : "too small";
    if (got * expected <= 0) return direction;
    const ratio = got / expected < 1 ? 1 / (got / expected) : got / expected;
    const words = near.find(([limit]) => ratio < limit);
    if (words) return `${direction} ${words[1]}`;
    if (ratio >= far) return `${direction} by a factor of 1,000 or more`;
    const step = ratio < 9.5 ? 1 : ratio < 95 ? 10 : 100;
    return `${direction} by a factor of about ${Math.floor(ratio / step + 0.5) * step}`;
  }

  // ---- Verdicts, as in judging.py: said is text, hint is HTML ------------------------------------------------------
  function judgeNumber({ expected, answer, tolerance, unit, mistakes, hint }, written) {
    if (!written) return { status: "waiting", said: sentences.waiting };
    const value = readText(written, unit);
    if (Number.isNaN(value)) {
      const got = written.length <= LONGEST ? written : `${written.slice(0, LONGEST - 1)}…`;
      return { status: "failed", said: fill(sentences.unreadable, { got }) };
    }
    if (value === expected) return { status: "passed", said: fill(sentences.right, { answer }) };
    if (isNear(value, expected, tolerance)) return { status: "passed", said: fill(sentences.close, { answer }) };
    const made = mistakes.find(([wrong]) => isNear(value, wrong, tolerance));
    const rounded = !tolerance && isNear(value, expected, 0.01);
    const said = fill(sentences.wrong, { got: withUnit(written, unit), how_far: howFar(value, expected) });
    return { status: "failed", said, hint: made ? made[1] : rounded ? sentences.rounded : hint };
  }

  function judgeChoice({ options }, key) {
    if (!key) return { status: "waiting", said: sentences.waiting };
    const [right, hint] = options[key];
    const status = right ? "passed" : "failed";
    return { status, said: sentences[status], hint };
  }

  const JUDGES = { number: judgeNumber, choice: judgeChoice };

  // ---- What was solved ----------------------------------------------------------------------------------------
  const KEY = "lightnets.solved";
  const solved = new Set();
  try {
    for (const name of JSON.parse(localStorage.getItem(KEY) ?? "[]")) solved.add(String(name));
  } catch {} // no storage, or not ours: start with nothing
  function remember() {
    try {
      if (solved.size) localStorage.setItem(KEY, JSON.stringify([...solved]));
      else localStorage.removeItem(KEY);
    } catch {} // then it lasts as long as the page
  }

  // ---- The page -----------------------------------------------------------------------------------------------
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const MARKS = { passed: "✓ ", failed: "✗ ", waiting: "" };

  /** Show a verdict; mathematics in it is typeset again. */
  function announce(status, verdict) {
    const mark = make("span", { "aria-hidden": "true" }, MARKS[verdict.status]);
    const sentence = make("span", { class: "ln-sentence" }, make("b", {}, verdict.said));
    if (verdict.hint) sentence.insertAdjacentHTML("beforeend", ` ${verdict.hint}`);
    window.MathJax?.typesetClear?.([status]);
    status.replaceChildren(mark, sentence);
    status.dataset.status = verdict.status;
    if (sentence.querySelector(".math")) window.MathJax?.typesetPromise?.([status]);
  }

  function makeNumberForm(name, unit) {
    const input = make("input", { type: "text", id: `answer-${name}`, name: "answer", autocomplete: "off", spellcheck: "false" });
    const label = make("label", { for: input.id }, unit ? `Your answer (${unit})` : "Your answer");
    return { form: make("form", { class: "ln-form" }, label, input), read: () => input.value.trim() };
  }

  /** The listed options become radio buttons; their texts move, so that mathematics is typeset once. */
  function makeChoiceForm(host) {
    const list = host.querySelector(".ln-options");
    const rows = [...list.querySelectorAll("[data-option]")].map((item) => {
      const key = item.dataset.option;
      const input = make("input", { type: "radio", name: `answer-${host.dataset.exercise}`, value: key });
      return make("label", {}, input, ...item.childNodes);
    });
    list.remove();
    const form = make("form", { class: "ln-form" }, make("fieldset", {}, make("legend", {}, "Your answer"), ...rows));
    return { form, read: () => form.querySelector("input:checked")?.value };
  }

  function mount(host, update) {
    const name = host.dataset.exercise;
    const spec = JSON.parse(host.querySelector("script[type='application/json']").textContent);
    const title = host.querySelector(".ln-exercise-title");
    title.id = `exercise-${name}`;
    host.setAttribute("role", "group");
    host.setAttribute("aria-labelledby", title.id);
    if (spec.kind in JUDGES) {
      const { form, read } = spec.kind === "number" ? makeNumberForm(name, spec.unit) : makeChoiceForm(host);
      const status = make("p", { class: "ln-verdict", role: "status" });
      form.append(make("button", { type: "submit" }, "Check"));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const verdict = JUDGES[spec.kind](spec, read());
        announce(status, verdict);
        if (verdict.status === "passed" && !solved.has(name)) {
          solved.add(name);
          remember();
          update();
        }
      });
      host.querySelector(".ln-note").replaceWith(form, status);
    }
    host.dataset.ready = "";
  }

  function mountAll() {
    const hosts = [...document.querySelectorAll("[data-exercise]")];
    document.head.append(make("style", {}, style));
    const count = make("span");
    const forget = make("button", { type: "button" }, "Forget");
    const progress = make("p", { class: "ln-progress", tabindex: "-1" }, count, forget);
    const update = () => {
      const answered = hosts.filter((host) => host.querySelector("form"));
      for (const host of answered) {
        host.querySelector(".ln-solved")?.remove();
        if (solved.has(host.dataset.exercise)) {
          host.querySelector(".ln-exercise-title").append(make("span", { class: "ln-solved" }, " ✓ solved"));
        }
      }
      const done = answered.filter((host) => solved.has(host.dataset.exercise)).length;
      count.textContent = `Solved: ${done} of the ${answered.length} exercises that this page can check. Only this browser remembers it. `;
      forget.hidden = !solved.size;
    };
    forget.addEventListener("click", () => {
      solved.clear();
      remember();
      update();
      progress.focus();
    });
    for (const host of hosts) mount(host, update);
    hosts.find((host) => host.querySelector("form"))?.before(progress);
    update();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
