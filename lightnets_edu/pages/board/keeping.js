// What outlasts the page: what is shown as a file, and what was chosen in the page's address.
/** @import { Column, Row, Spec, State } from "./rows.js" */

/** @param {string} text */
const quoted = (text) => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/**
 * Rows as a file of comma-separated values, with all digits and without letters for thousands. It is a `data:` address:
 * Firefox saves no other from a page on a disk.
 * @param {Row[]} rows @param {Column[]} columns
 */
export function fileOf(rows, columns) {
  const unitOf = (/** @type {Column} */ { unit, scale }) => scale === 1 ? unit : unit.slice(1);
  const heads = columns.map((column) => `${column.heading}${unitOf(column) && ` (${unitOf(column)})`}`);
  const lines = rows.map(({ cells }) => columns.map(({ key }) => String(cells[key].value ?? "")));
  const text = [heads, ...lines].map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
  return `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`;
}

const JOINED = ["log", "filter", "chosen", "seen", "most"]; // what has a value for each of some columns

/**
 * What differs from the first state, as the last part of an address.
 * @param {Spec} spec @param {State} state @param {State} first @param {Row[]} picks
 */
export function addressOf(spec, state, first, picks) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    const before = first[/** @type {keyof State} */ (name)];
    if (JOINED.includes(name)) {
      for (const [key, inner] of Object.entries(/** @type {object} */ (value))) {
        const old = /** @type {Record<string, unknown>} */ (before)[key];
        if (inner !== old) parts.set(`${name}.${key}`, String(inner ?? ""));
      }
    } else if (value !== before) parts.set(name, String(value ?? ""));
  }
  for (const { label } of picks) parts.append("pick", label);
  const text = String(parts);
  return text && `#${spec.name}?${text}`;
}

/**
 * What an address says of this board: its state, and the labels of the rows that were picked; null if nothing. What
 * does not fit the board, as after a change of the book, is left out.
 * @param {string} address @param {Spec} spec @param {State} first
 */
export function readAddress(address, spec, first) {
  if (!address.startsWith(`#${spec.name}?`)) return null;
  const parts = new URLSearchParams(address.slice(spec.name.length + 2));
  const [numbers, all] = [spec.columns.filter(({ text }) => !text), spec.columns].map((some) =>
    some.map(({ key }) => key)
  );
  /** @type {State} */
  const state = structuredClone(first);
  for (const [name, text] of parts) {
    const [field, key] = name.split(/\.(.*)/s);
    const isOn = text === "true";
    const inner = /** @type {Record<string, unknown>} */ (state[/** @type {keyof State} */ (field)] ?? {});
    if (field === "find") state.find = text;
    else if ((field === "x" || field === "y") && numbers.includes(text)) state[field] = text;
    else if (field === "front" || field === "down") state[field] = isOn;
    else if (field === "sort" && all.includes(text)) state.sort = text;
    else if (!JOINED.includes(field) || !(key in inner)) continue;
    else if (field === "log" || field === "seen") inner[key] = isOn;
    else if (field === "filter") inner[key] = text;
    else if (field === "chosen" && spec.columns.some((one) => one.key === text && one.among === key)) inner[key] = text;
    else if (field === "most" && text && Number(text) >= 0) inner[key] = Number(text);
  }
  return { state, picks: parts.getAll("pick") };
}
