// Elements: made, found and changed.

/** @typedef {Record<string, string | number | null>} Attributes */
/** @typedef {Node | string | null} Child */

/** An id that no other element has; a notebook loads this module once for each component. @param {string} prefix */
export function makeId(prefix) {
  const page = /** @type {{ lightnetsIds?: number }} */ (globalThis);
  page.lightnetsIds = (page.lightnetsIds ?? 0) + 1;
  return `${prefix}-${page.lightnetsIds}`;
}

/**
 * An HTML element with attributes and children; null attributes and children are left out.
 * @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Attributes} [attributes] @param {...Child} children
 */
export function make(tag, attributes = {}, ...children) {
  return complete(document.createElement(tag), attributes, children);
}

/**
 * The same for an element of a drawing.
 * @template {keyof SVGElementTagNameMap} T @param {T} tag @param {Attributes} [attributes] @param {...Child} children
 */
export function makeSvg(tag, attributes = {}, ...children) {
  return complete(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** @template {Element} E @param {E} element @param {Attributes} attributes @param {Child[]} children */
function complete(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * The first element inside another that a selector fits; there must be one.
 * @param {Element} parent @param {string} selector
 */
export function query(parent, selector) {
  const found = parent.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`an element ${selector} is missing`);
  return found;
}

/**
 * Change an element's text only if it differs, so that a live region speaks once.
 * @param {Element} element @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
