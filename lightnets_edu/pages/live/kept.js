// Times that last: in this browser, and as files. Nothing is sent.
import { make } from "../script/dom.js";

const KEY = "lightnets.live.time";

/** What this browser keeps; it may keep nothing. */
export const kept = {
  read() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  },
  /** @param {string | null} text */
  write(text) {
    try {
      if (text === null) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, text);
    } catch {
      // Then it lasts as long as the page.
    }
  },
};

/** Let the browser save a text. @param {string} text @param {string} name */
export function save(text, name) {
  make("a", { href: `data:application/json,${encodeURIComponent(text)}`, download: name }).click();
}

/**
 * Files that are dropped on an element.
 * @param {HTMLElement} el @param {(file: File) => void} take
 */
export function takeDropped(el, take) {
  const holdsFiles = (/** @type {DragEvent} */ { dataTransfer }) => dataTransfer?.types.includes("Files");
  el.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault(); // without this a browser opens the file in place of the page
    el.classList.add("ln-live-drop");
  });
  el.addEventListener("dragleave", () => el.classList.remove("ln-live-drop"));
  el.addEventListener("drop", (event) => {
    el.classList.remove("ln-live-drop");
    if (!holdsFiles(event)) return;
    event.preventDefault();
    for (const file of event.dataTransfer?.files ?? []) take(file);
  });
}
