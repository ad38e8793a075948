// A list that the reader puts in order: by two buttons an item, or by the arrow keys on them.
import { make } from "../script/dom.js";

/**
 * The listed items get buttons; their texts move, so that mathematics is typeset once.
 * @param {HTMLElement} list The items, with their letters in `data-option`.
 * @param {(said: string) => void} tell Says where an item stands after it was moved.
 */
export function makeRanking(list, tell) {
  const items = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[data-option]")]);
  const rows = items.map((item) => {
    const key = item.dataset.option ?? "";
    /** @param {string} way @param {string} sign */
    const button = (way, sign) =>
      make("button", { type: "button", "data-way": way, "aria-label": `Move ${key} ${way}` }, sign);
    const text = make("span", { class: "ln-item" }, ...item.childNodes);
    return make("li", { "data-key": key }, text, button("up", "↑"), button("down", "↓"));
  });
  const ranks = make("ol", { class: "ln-ranks" }, ...rows);
  const letters = () => [...ranks.children].map((row) => /** @type {HTMLElement} */ (row).dataset.key ?? "");

  function limit() {
    for (const row of ranks.children) {
      const [up, down] = row.querySelectorAll("button");
      up.disabled = !row.previousElementSibling;
      down.disabled = !row.nextElementSibling;
    }
  }

  /** @param {HTMLElement} row @param {string} way */
  function move(row, way) {
    const { previousElementSibling: above, nextElementSibling: below } = row;
    if (way === "up" && above) above.before(row);
    else if (way === "down" && below) below.after(row);
    else return;
    limit();
    // The button that was pressed keeps the focus; at an end it has no more to do, and the other one gets it.
    const [up, down] = row.querySelectorAll("button");
    const [same, other] = way === "up" ? [up, down] : [down, up];
    (same.disabled ? other : same).focus();
    tell(`${row.dataset.key} now stands in place ${letters().indexOf(row.dataset.key ?? "") + 1} of ${rows.length}.`);
  }

  for (const row of rows) {
    for (const button of row.querySelectorAll("button")) {
      button.addEventListener("click", () => move(row, button.dataset.way ?? ""));
    }
    row.addEventListener("keydown", (event) => {
      const way = { ArrowUp: "up", ArrowDown: "down" }[event.key];
      if (!way) return;
      event.preventDefault();
      move(row, way);
    });
  }
  limit();
  list.remove();
  return { ranks, read: () => letters().join(" ") };
}
