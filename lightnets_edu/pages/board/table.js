// The table of a board: headings that sort, names that can be reached and kept.
/** @import { Board } from "./board.js" */
/** @import { Row, Spec, State, View } from "./rows.js" */
import { make, query } from "../script/dom.js";

/** @typedef {{ button: HTMLElement, badge: HTMLElement }} Name A row's name, and its star on the front. */

export class Table {
  /** @param {HTMLElement} host @param {Spec} spec @param {Row[]} rows @param {Board} board */
  constructor(host, spec, rows, board) {
    this.box = query(host, ".lx-box");
    this.head = query(host, "thead");
    this.body = /** @type {HTMLTableSectionElement} */ (query(host, "tbody"));
    this.rows = rows;
    this.headings = [...this.head.querySelectorAll("th")].map((head, index) => {
      const column = spec.columns[index];
      const arrow = make("span", { class: "lx-arrow", "aria-hidden": "true" });
      const button = make("button", { type: "button", name: `sort_${column.key}` }, ...head.childNodes, arrow);
      button.addEventListener("click", () => board.sortBy(column));
      head.append(button);
      return { key: column.key, head, arrow };
    });
    this.links = spec.links;
    this.columns = spec.columns;
    this.names = new Map(rows.map((row) => [row, this.setUpRow(row, board)]));
  }

  /** @param {Row} row @param {Board} board @returns {Name} */
  setUpRow(row, board) {
    const pressed = { tabindex: -1, "aria-pressed": "false" };
    const href = this.links[row.label];
    /** @type {HTMLElement} */
    const button = href
      ? make("a", { href, class: "lx-name", tabindex: -1 }, row.label)
      : make("button", { type: "button", class: "lx-name", ...pressed }, row.label);
    const star = make("span", { "aria-hidden": "true" }, "★");
    const spoken = make("span", { class: "lx-unseen" }, "on the Pareto front");
    const badge = make("span", { class: "lx-badge", hidden: "" }, star, spoken);
    row.tr.cells[0].replaceChildren(button, badge);
    if (!href) button.addEventListener("click", () => board.toggle(row));
    this.columns.forEach(({ heading, unit }, at) => {
      if (at) row.tr.cells[at].dataset.head = `${heading}${unit && `, ${unit}`}`; // where a row is a card
    });
    button.addEventListener("focus", () => board.point({ focused: row }));
    button.addEventListener("blur", () => board.point({ focused: null }));
    button.addEventListener("keydown", (event) => this.walk(event, row));
    row.tr.addEventListener("pointerenter", () => board.point({ hovered: row }));
    row.tr.addEventListener("pointerleave", () => board.point({ hovered: null }));
    return { button, badge };
  }

  /** @param {Row} row */
  nameOf(row) {
    return /** @type {Name} */ (this.names.get(row));
  }

  /** Put the rows into an order. @param {Row[]} rows */
  arrange(rows) {
    this.body.append(...rows.map(({ tr }) => tr));
  }

  /** @param {State} state @param {View} view */
  show(state, view) {
    for (const [row, { button, badge }] of this.names) {
      row.tr.hidden = !view.shown.includes(row);
      row.tr.classList.toggle("lx-kept", row.kept);
      row.tr.classList.toggle("lx-found", view.found.includes(row));
      badge.hidden = !view.front.includes(row);
      if (!this.links[row.label]) button.setAttribute("aria-pressed", String(row.kept));
    }
    this.columns.forEach((column, at) => {
      const hidden = !view.columns.includes(column);
      if (this.headings[at].head.hidden === hidden) return;
      this.headings[at].head.hidden = hidden;
      for (const { tr } of this.rows) tr.cells[at].hidden = hidden;
    });
    for (const { key, head, arrow } of this.headings) {
      const sorted = key === state.sort;
      arrow.textContent = sorted ? (state.down ? "▼" : "▲") : "";
      if (sorted) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const stop = this.rows.find((row) => this.nameOf(row).button.tabIndex === 0);
    if (!stop || stop.tr.hidden) this.setStop(this.rows.find((row) => !row.tr.hidden));
  }

  /** Choose the one name that Tab reaches. @param {Row | undefined} stop */
  setStop(stop) {
    for (const [row, { button }] of this.names) button.tabIndex = row === stop ? 0 : -1;
  }

  /** Arrow keys go from name to name; Tab leaves the table. @param {KeyboardEvent} event @param {Row} row */
  walk(event, row) {
    const shown = [...this.body.rows].filter((tr) => !tr.hidden);
    const at = shown.indexOf(row.tr);
    /** @type {Record<string, number>} */
    const goals = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 };
    const goal = this.rows.find(({ tr }) => tr === shown[goals[event.key]]);
    if (!goal) return;
    event.preventDefault();
    this.setStop(goal);
    this.nameOf(goal).button.focus();
  }

  /** Mark the row that is pointed at. @param {Row | null} active */
  point(active) {
    for (const row of this.rows) row.tr.classList.toggle("lx-active", row === active);
  }

  /** Scroll a row into its box, never the page. @param {Row} row */
  reveal({ tr }) {
    const [row, frame] = [tr.getBoundingClientRect(), this.box.getBoundingClientRect()];
    const top = frame.top + this.head.offsetHeight;
    if (row.top < top) this.box.scrollTop -= top - row.top;
    else if (row.bottom > frame.bottom) this.box.scrollTop += row.bottom - frame.bottom;
  }
}
