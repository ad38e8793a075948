// Which exercises were solved: this browser alone remembers it, and a line above the first exercise counts.
import { make, query } from "../script/dom.js";

const KEY = "lightnets.solved";

class Progress {
  /** @type {Set<string>} */
  solved = new Set();
  /** The exercises that the page can check, by name. @type {Map<string, HTMLElement>} */
  hosts = new Map();
  count = make("span");
  forget = make("button", { type: "button" }, "Forget");
  line = make("p", { class: "ln-progress", tabindex: "-1" }, this.count, this.forget);

  constructor() {
    try {
      for (const name of JSON.parse(localStorage.getItem(KEY) ?? "[]")) this.solved.add(String(name));
    } catch {
      // No storage, or not ours: start with nothing.
    }
    this.forget.addEventListener("click", () => {
      this.solved.clear();
      this.remember();
      this.line.focus();
    });
  }

  /** @param {string} name @param {HTMLElement} host */
  add(name, host) {
    if (!this.hosts.size) host.before(this.line);
    this.hosts.set(name, host);
    this.show();
  }

  /** Remember it, and open the next that is not solved. @param {string} name */
  solve(name) {
    if (this.solved.has(name)) return;
    this.solved.add(name);
    this.remember();
    const names = [...this.hosts.keys()];
    const next = names.slice(names.indexOf(name)).find((other) => !this.solved.has(other));
    if (next) this.hosts.get(next)?.querySelector(".ln-exercise-fold")?.setAttribute("open", "");
  }

  remember() {
    try {
      if (this.solved.size) localStorage.setItem(KEY, JSON.stringify([...this.solved]));
      else localStorage.removeItem(KEY);
    } catch {
      // Then it lasts as long as the page.
    }
    this.show();
  }

  show() {
    for (const [name, host] of this.hosts) {
      host.querySelector(".ln-solved")?.remove();
      if (this.solved.has(name)) {
        query(host, ".ln-exercise-title").append(make("span", { class: "ln-solved" }, " ✓ solved"));
      }
    }
    const done = [...this.hosts.keys()].filter((name) => this.solved.has(name)).length;
    this.count.textContent =
      `Solved: ${done} of the ${this.hosts.size} exercises that this page can check. Only this browser remembers it. `;
    this.forget.hidden = !this.solved.size;
  }
}

export const progress = new Progress();
