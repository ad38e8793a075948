// Mounts the widgets of a page that has no kernel: gives the engine's module the few calls of anywidget's model.
(() => {
  "use strict";
  const engine = "ENGINE";
  const style = "STYLE";

  class PageModel {
    constructor(state) {
      this.state = state;
      this.listeners = new Map();
    }
    get(name) {
      return this.state[name];
    }
    set(name, value) {
      if (this.state[name] === value) return;
      this.state[name] = value;
      for (const listener of this.listeners.get(`change:${name}`) ?? []) listener();
    }
    on(event, listener) {
      this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
    }
    off(event, listener) {
      this.listeners.set(event, (this.listeners.get(event) ?? []).filter((other) => other !== listener));
    }
    save_changes() {}
  }

  async function mountAll() {
    const hosts = document.querySelectorAll("[data-widget]");
    if (!hosts.length) return;
    document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
    // A module from a Blob: pages opened from a disk may not load one from a file.
    const url = URL.createObjectURL(new Blob([engine], { type: "text/javascript" }));
    const { default: widget } = await import(url);
    URL.revokeObjectURL(url);
    for (const host of hosts) {
      const { spec, state } = JSON.parse(host.querySelector("script[type='application/json']").textContent);
      const el = document.createElement("div");
      host.append(el);
      widget.render({ model: new PageModel({ data: {}, ...state, spec }), el });
      host.querySelector("[data-fallback]").remove();
      host.dataset.ready = "";
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
