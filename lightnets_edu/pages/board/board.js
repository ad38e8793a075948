// The board: a static table and drawing (explore.py) get controls and a live chart. The rows are read from the table.
/** @import { Component } from "../script/mount.js" */
/** @import { Column, Row, Spec, State, View } from "./rows.js" */
import { make, query, setText } from "../script/dom.js";
import { Chart } from "./chart.js";
import { Controls } from "./controls.js";
import { firstState, readRows, select, sortRows } from "./rows.js";
import { Table } from "./table.js";
import { describe, statusText } from "./words.js";

const HINT =
  "Point at a row to find its point, or the other way round. A press on a name keeps its label in the chart. " +
  "With keys: Tab, then arrows.";

/** @typedef {{ hovered: Row | null, focused: Row | null }} Pointed Which row the pointer and the keys are on. */

export class Board {
  /** @param {HTMLElement} host @param {Spec} spec */
  constructor(host, spec) {
    this.spec = spec;
    this.state = firstState(spec);
    /** @type {Pointed} */
    this.pointed = { hovered: null, focused: null };
    this.rows = readRows(/** @type {HTMLTableSectionElement} */ (query(host, "tbody")), spec);
    this.view = select(spec, this.rows, this.state);
    this.chart = new Chart(spec, this.rows);
    this.controls = new Controls(spec, this.rows, this);
    this.status = make("p", { class: "lx-status", role: "status" });
    this.caption = query(host, "figcaption");
    this.caption.removeAttribute("aria-hidden");
    const reset = make("button", { type: "button", class: "lx-reset" }, "Reset");
    reset.addEventListener("click", () => this.reset());
    const figure = query(host, "figure");
    query(host, ".lx-title").before(reset);
    figure.before(this.controls.element);
    figure.querySelector("svg")?.replaceWith(this.chart.plot);
    query(host, ".lx-box").before(
      make("div", { class: "lx-words" }, this.status, make("p", { class: "lx-hint" }, HINT)),
    );
    this.table = new Table(host, spec, this.rows, this);
    this.listenToKeys();
    this.listenToPointer();
    this.update();
  }

  /** @param {Partial<State>} state */
  change(state) {
    Object.assign(this.state, state);
    this.update();
  }

  reset() {
    this.state = firstState(this.spec);
    for (const row of this.rows) row.kept = false;
    this.table.arrange(this.rows);
    this.update();
  }

  /** @param {Column} column */
  sortBy(column) {
    const down = this.state.sort === column.key && !this.state.down;
    this.table.arrange(sortRows(this.rows, column, down));
    this.change({ sort: column.key, down });
  }

  /** Keep a row's label in the chart, or no longer. @param {Row} row */
  toggle(row) {
    row.kept = !row.kept;
    this.update();
  }

  update() {
    const { spec, state, rows } = this;
    this.view = select(spec, rows, state);
    this.controls.show(state, this.view);
    this.table.show(state, this.view);
    setText(this.status, statusText(spec, state, this.view, rows.length));
    setText(this.caption, describe(spec, this.view));
    this.chart.draw(this.view);
    const { hovered } = this.pointed;
    this.point({ hovered: hovered && this.view.shown.includes(hovered) ? hovered : null });
  }

  /** Show which row and point belong together; `scroll` brings the row in sight. @param {Partial<Pointed>} pointed */
  point(pointed, scroll = false) {
    Object.assign(this.pointed, pointed);
    const active = this.pointed.hovered ?? this.pointed.focused;
    this.table.point(active);
    this.chart.point(active, this.view);
    if (scroll && active && !active.tr.hidden) this.table.reveal(active);
  }

  listenToKeys() {
    const { plot } = this.chart;
    plot.addEventListener("keydown", (event) => this.walk(event));
    plot.addEventListener("focus", () => {
      const [first] = sortRows(this.view.drawn, this.view.x);
      if (!this.pointed.focused && plot.matches(":focus-visible") && first) this.point({ focused: first }, true);
    });
    plot.addEventListener("blur", () => this.point({ focused: null }));
  }

  /** Arrow keys go from point to point, in the order of one axis; Enter keeps a label. @param {KeyboardEvent} event */
  walk(event) {
    const { focused } = this.pointed;
    if ((event.key === "Enter" || event.key === " ") && focused) {
      event.preventDefault();
      this.toggle(focused);
      return;
    }
    const upward = event.key === "ArrowUp" || event.key === "ArrowDown";
    const list = sortRows(this.view.drawn, upward ? this.view.y : this.view.x);
    const at = focused ? list.indexOf(focused) : -1;
    const [next, last] = [at + 1, at - 1];
    /** @type {Record<string, number>} */
    const goals = { ArrowRight: next, ArrowUp: next, ArrowLeft: last, ArrowDown: last, Home: 0, End: list.length - 1 };
    const goal = goals[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    if (list[goal]) this.point({ focused: list[goal] }, true);
  }

  listenToPointer() {
    const { chart } = this;
    chart.plot.addEventListener("pointermove", (event) => this.point({ hovered: chart.nearest(event) }, true));
    chart.plot.addEventListener("pointerleave", () => this.point({ hovered: null }));
    chart.plot.addEventListener("pointerdown", (event) => this.point({ focused: chart.nearest(event) }, true));
    chart.plot.addEventListener("click", (event) => {
      const row = chart.nearest(event);
      if (row) this.toggle(row);
    });
  }

  /** Draw the chart again whenever its size changes; the result ends that. */
  followSize() {
    const observer = new ResizeObserver(() => {
      this.chart.draw(this.view);
      this.point({});
    });
    observer.observe(this.chart.plot);
    return () => observer.disconnect();
  }
}

/** The static board, in Jupyter and Colab. @param {HTMLElement} el @param {string} html */
function showStatic(el, html) {
  el.innerHTML = html;
  const host = query(el, "[data-explore]");
  host.dataset.ready = "";
  return host;
}

/** @type {Component["render"]} */
function render({ model, el }) {
  const host = el.matches("[data-explore]") ? el : showStatic(el, model.get("html"));
  return new Board(host, model.get("spec")).followSize();
}

const board = { render };
export default board;
