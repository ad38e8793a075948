// The one protocol of all components, and what runs them in a page without a kernel.
import { make, query } from "./dom.js";

/**
 * What a component reads and changes; anywidget's model in Jupyter and Colab, a `PageModel` in the page.
 *
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: unknown) => void} set
 * @property {(event: string, listener: () => void) => void} on
 * @property {(event: string, listener: () => void) => void} off
 * @property {() => void} save_changes
 */

/** @typedef {{ render(place: { model: Model, el: HTMLElement }): void | (() => void) }} Component */

/** @implements {Model} */
class PageModel {
  /** @param {Record<string, unknown>} state */
  constructor(state) {
    this.state = state;
    /** @type {Map<string, (() => void)[]>} */
    this.listeners = new Map();
  }
  /** @param {string} name @returns {any} */
  get(name) {
    return this.state[name];
  }
  /** @param {string} name @param {unknown} value */
  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    for (const listener of this.listeners.get(`change:${name}`) ?? []) listener();
  }
  /** @param {string} event @param {() => void} listener */
  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }
  /** @param {string} event @param {() => void} listener */
  off(event, listener) {
    this.listeners.set(event, (this.listeners.get(event) ?? []).filter((other) => other !== listener));
  }
  save_changes() {}
}

/**
 * Run a component in every element of its kind, when the page is read.
 * @param {Component} component
 * @param {string} kind The elements are those with the attribute `data-` and this.
 * @param {string} style
 * @param {Record<string, unknown>} shared What every model has beside what its own element says.
 */
export function mountAll(component, kind, style, shared) {
  const mountNow = () => {
    const hosts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(`[data-${kind}]`));
    if (hosts.length && style) document.head.append(make("style", {}, style));
    for (const host of hosts) mount(component, host, shared);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountNow);
  else mountNow();
}

/**
 * An element says in JSON what its model is: the specification, or that and a first state. What it holds stays and is
 * completed by the component, unless it is marked as a fallback, which gives its place to the component's own.
 * @param {Component} component @param {HTMLElement} host @param {Record<string, unknown>} shared
 */
function mount(component, host, shared) {
  const content = JSON.parse(query(host, "script[type='application/json']").textContent);
  const { spec = content, state = {} } = content;
  const fallback = host.querySelector("[data-fallback]");
  const el = fallback ? make("div") : host;
  if (fallback) host.append(el);
  component.render({ model: new PageModel({ ...shared, ...state, spec }), el });
  fallback?.remove();
  host.dataset.ready = "";
}
