// Files of other devices: each becomes a clock beside the reader's own, until it is removed.
/** @import { Clock } from "./chart.js" */
/** @import { Networks } from "./results.js" */
import { make } from "../script/dom.js";
import { isNoise } from "./clock.js";
import { fromText, nameDevice } from "./results.js";

/**
 * A file's times without those that are noise, under the name of its device.
 * @param {string} text @param {Networks} networks @param {number} limit The spread above which a timing is noise.
 * @returns {Clock}
 * @throws {Error} If it is no file of times; the message is a sentence for the reader.
 */
function readClock(text, networks, limit) {
  const read = fromText(text, networks);
  const quiet = Object.entries(read.times).filter(([, timing]) => !isNoise(timing, limit));
  const milliseconds = Object.fromEntries(quiet.map(([name, timing]) => [name, timing.milliseconds]));
  return { words: nameDevice(read), milliseconds };
}

/**
 * The devices that are compared, each with a button that removes it.
 * @param {Networks} networks @param {number} limit
 * @param {(sentence: string) => void} tell Called with what was done or refused.
 */
export function makeOthers(networks, limit, tell) {
  /** @type {Clock[]} */
  let clocks = [];
  const list = make("ul", { class: "ln-live-others", "aria-label": "Devices that are compared" });
  const draw = () => {
    list.hidden = !clocks.length;
    list.replaceChildren(...clocks.map(({ words }) => {
      const button = make(
        "button",
        { type: "button", "data-action": "remove", "aria-label": `Remove ${words}` },
        "Remove",
      );
      button.addEventListener("click", () => remove(words));
      return make("li", {}, make("span", {}, words), button);
    }));
  };
  const remove = (/** @type {string} */ words) => {
    clocks = clocks.filter((clock) => clock.words !== words);
    draw();
    tell(`${words} is no longer compared.`);
    /** @type {HTMLElement | null | undefined} */
    const next = list.querySelector("button") ?? list.parentElement?.querySelector("label:last-of-type input");
    next?.focus();
  };
  draw();
  return {
    list,
    clocks: () => clocks,
    /** @param {File} file */
    async add(file) {
      try {
        const clock = readClock(await file.text(), networks, limit);
        clocks = [...clocks.filter(({ words }) => words !== clock.words), clock];
        draw();
        const many = Object.keys(clock.milliseconds).length;
        tell(`Compared with ${clock.words}: ${many} ${many === 1 ? "network" : "networks"}.`);
      } catch (error) {
        tell(/** @type {Error} */ (error).message);
      }
    },
  };
}
