// Stands in the page itself: until somebody presses a button, nothing of the engine is loaded.
(() => {
  const host = /** @type {HTMLElement} */ (document.currentScript?.closest("[data-live]"));
  const status = /** @type {HTMLElement} */ (host.querySelector("[role=status]"));
  host.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (!button || host.dataset.pressed) return;
    host.dataset.pressed = button.dataset.action;
    status.textContent = "Loading the engine.";
    const names = /** @type {string} */ (host.dataset.scripts).split(" ");
    const load = () => {
      const name = names.shift();
      if (!name) return;
      const script = document.createElement("script");
      script.src = `${document.documentElement.dataset.content_root ?? ""}_static/${name}`;
      script.onload = load;
      script.onerror = () => {
        delete host.dataset.pressed;
        status.textContent = `The engine could not be loaded: the file ${name} is not beside this page.`;
      };
      document.head.append(script);
    };
    load();
  });
})();
