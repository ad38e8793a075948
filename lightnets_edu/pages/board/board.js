// The board: a static table and drawing (explore.py) get controls and a live chart. The rows are read from the table.
/** @import { Component } from "../script/mount.js" */
/** @import { Column, Row, Spec, State, View } from "./rows.js" */
import { make, query, setText } from "../script/dom.js";
import { Chart } from "./chart.js";
import { Controls } from "./controls.js";
import { Comparison, MOST_PICKS } from "./compare.js";
import { addressOf, fileOf, readAddress } from "./keeping.js";
import { columnOf, firstState, readRows, select, sortRows } from "./rows.js";
import { Table } from "./table.js";
import { describe, statusText } from "./words.js";

const HINT = "Point at a row to find its point, or the other way round. A press on a name keeps its label in the " +
  "chart; two or three that were pressed are compared below. With keys: Tab, then arrows.";
const MAP_HINT = "A press on a point or a name opens the page about it. With keys: Tab, then arrows, then Enter.";

/** @typedef {{ hovered: Row | null, focused: Row | null }} Pointed Which row the pointer and the keys are on. */

export class Board {
  /**
   * @param {HTMLElement} host @param {Spec} spec
   * @param {boolean} lasting Whether the page's address says what was chosen.
   */
  constructor(host, spec, lasting) {
    this.spec = spec;
    this.lasting = lasting;
    this.state = firstState(spec);
    /** @type {Row[]} In the order in which they were picked. */
    this.picks = [];
    /** @type {Pointed} */
    this.pointed = { hovered: null, focused: null };
    this.rows = readRows(/** @type {HTMLTableSectionElement} */ (query(host, "tbody")), spec);
    this.ordered = this.rows;
    this.view = select(spec, this.rows, this.state);
    this.chart = new Chart(spec, this.rows);
    this.controls = new Controls(spec, this.rows, this);
    this.comparison = new Comparison(spec);
    this.status = make("p", { class: "lx-status", role: "status" });
    this.file = make("a", { download: `${spec.name}.csv`, href: "" }, "Save what is shown (CSV)");
    this.link = make("a", { href: "" }, "Link to this view");
    this.caption = query(host, "figcaption");
    this.caption.removeAttribute("aria-hidden");
    this.furnish(host);
    this.table = new Table(host, spec, this.rows, this);
    this.listenToKeys();
    this.listenToPointer();
    if (lasting) this.restore(host);
    this.update();
  }

  /** Put everything in its place. @param {HTMLElement} host */
  furnish(host) {
    const isMap = this.spec.axes.length > 0;
    const reset = make("button", { type: "button", class: "lx-reset" }, "Reset");
    reset.addEventListener("click", () => this.reset());
    const figure = query(host, "figure");
    query(host, ".lx-title").before(reset);
    figure.before(this.controls.element);
    figure.querySelector("svg")?.replaceWith(this.chart.plot);
    const links = make("p", { class: "lx-links" }, this.file, this.lasting ? this.link : null);
    const words = make(
      "div",
      { class: "lx-words" },
      this.status,
      make("p", { class: "lx-hint" }, isMap ? MAP_HINT : HINT),
    );
    const box = query(host, ".lx-box");
    if (isMap) {
      figure.after(words);
      const fold = make("details", { class: "lx-numbers" }, make("summary", {}, "The numbers"));
      box.before(fold);
      fold.append(box, links);
    } else {
      box.before(words, this.controls.fold);
      box.after(links, this.comparison.element);
    }
  }

  /** Show what the page's address says, if it is about this board. @param {HTMLElement} host */
  restore(host) {
    const found = readAddress(location.hash, this.spec, firstState(this.spec));
    if (!found) return;
    this.state = found.state;
    this.pick(found.picks.flatMap((label) => this.rows.filter((row) => row.label === label)));
    if (this.state.sort) this.arrange(sortRows(this.rows, columnOf(this.spec, this.state.sort), this.state.down));
    host.scrollIntoView();
  }

  /** @param {Partial<State>} state */
  change(state) {
    Object.assign(this.state, state);
    this.update();
  }

  /** Lay a column across; of a set, it is the chosen one from then on. @param {string} x */
  lay(x) {
    const { among } = columnOf(this.spec, x);
    this.change({ x, chosen: among ? { ...this.state.chosen, [among]: x } : this.state.chosen });
  }

  /** Choose the column of a set; an axis that shows one of the set follows. @param {string} name @param {string} key */
  choose(name, key) {
    const { x, y, sort } = this.state;
    const before = this.state.chosen[name];
    const after = (/** @type {string} */ axis) => axis === before ? key : axis;
    const follows = x !== before && y !== before && this.spec.axes.length > 0; // a map shows what was asked for
    this.change({
      x: follows ? key : after(x),
      y: x === before ? y : after(y),
      chosen: { ...this.state.chosen, [name]: key },
    });
    if (sort === before) this.sortBy(columnOf(this.spec, key));
  }

  /** Look for names: the first that is found comes into sight. @param {string} find */
  look(find) {
    this.change({ find });
    const first = this.ordered.find((row) => this.view.found.includes(row) && !row.tr.hidden);
    if (first) this.table.reveal(first);
  }

  reset() {
    this.state = firstState(this.spec);
    this.pick([]);
    this.arrange(this.rows);
    this.update();
  }

  /** @param {Row[]} rows */
  arrange(rows) {
    this.ordered = rows;
    this.table.arrange(rows);
  }

  /** The better end first, or the first letters; at a second press the other end. @param {Column} column */
  sortBy(column) {
    const best = column.better === "higher";
    const down = this.state.sort === column.key ? !this.state.down : best;
    this.arrange(sortRows(this.rows, column, down));
    this.change({ sort: column.key, down });
  }

  /** Pick a row, so that its label stays in the chart and it is compared, or no longer. @param {Row} row */
  toggle(row) {
    const href = this.spec.links[row.label];
    if (href) return location.assign(href);
    this.pick(row.kept ? this.picks.filter((other) => other !== row) : [...this.picks, row]);
    this.update();
  }

  /** @param {Row[]} picks The last ones stay. */
  pick(picks) {
    this.picks = picks.slice(-MOST_PICKS);
    for (const row of this.rows) row.kept = this.picks.includes(row);
  }

  update() {
    const { spec, state, rows } = this;
    this.view = select(spec, rows, state);
    this.controls.show(state, this.view);
    this.table.show(state, this.view);
    setText(this.status, statusText(spec, state, this.view, rows.length));
    setText(this.caption, describe(spec, this.view));
    this.comparison.show(this.picks, this.view);
    this.file.href = fileOf(this.ordered.filter((row) => this.view.shown.includes(row)), this.view.columns);
    if (this.lasting) this.keep();
    this.chart.draw(this.view);
    const { hovered } = this.pointed;
    this.point({ hovered: hovered && this.view.shown.includes(hovered) ? hovered : null });
  }

  /** Let the page's address say what was chosen. */
  keep() {
    const address = addressOf(this.spec, this.state, firstState(this.spec), this.picks);
    this.link.href = address || `#${this.spec.name}?`;
    if (!address && !location.hash.startsWith(`#${this.spec.name}?`)) return;
    try {
      history.replaceState(history.state, "", address || location.pathname + location.search);
    } catch {
      // A page that may not change its address still has the link.
    }
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
  const inPage = el.matches("[data-explore]");
  const host = inPage ? el : showStatic(el, model.get("html"));
  return new Board(host, model.get("spec"), inPage).followSize();
}

const board = { render };
export default board;
