// Scoreboards: gives each [data-explore] controls and a live chart. The rows are read from the table in the page.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const MISSING = "–";
  const MOST_LABELS = 30;
  const MOST_NAMES = 12;
  const REACH = 36; // pixels from the pointer to a point that it still finds
  let created = 0;

  /** An element with attributes and children; null attributes and children are left out. */
  function make(tag, attributes = {}, ...children) {
    const drawn = tag in { svg: 1, g: 1, path: 1, text: 1 };
    const element = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  // ---- Rows -----------------------------------------------------------------------------------------------------
  /** Rows as {tr, index, label, cells: {key: {value, text}}}; the value of a missing cell is null. */
  function readRows(body, columns, label) {
    return [...body.rows].map((tr, index) => {
      const cells = {};
      columns.forEach(({ key, text: isText }, position) => {
        const { textContent: text, dataset } = tr.cells[position];
        cells[key] = { text, value: text === MISSING ? null : isText ? text : Number(dataset.value) };
      });
      return { tr, index, label: cells[label].text, cells };
    });
  }

  /** Ascending or descending, missing values last, rows of equal value in their first order. */
  function sortRows(rows, { key, text }, down = false) {
    const sign = down ? -1 : 1;
    const rank = ({ cells }) => (text ? cells[key].value.toLowerCase() : cells[key].value);
    const missing = rows.filter((row) => row.cells[key].value === null);
    const present = rows.filter((row) => row.cells[key].value !== null);
    present.sort((a, b) => sign * order(rank(a), rank(b)) || a.index - b.index);
    return [...present, ...missing];
  }

  /** Rows that no other beats on both columns, from the lowest x. */
  function paretoFront(rows, x, y) {
    const cost = (row, { key, better }) => (better === "lower" ? 1 : -1) * row.cells[key].value;
    const beats = (a, b) => cost(a, x) <= cost(b, x) && cost(a, y) <= cost(b, y)
      && (cost(a, x) < cost(b, x) || cost(a, y) < cost(b, y));
    return sortRows(rows.filter((row) => !rows.some((other) => beats(other, row))), x);
  }

  // ---- The chart in words ---------------------------------------------------------------------------------------
  function ranks(values) {
    return values.map((value) => 1 + values.filter((other) => other < value).length
      + (values.filter((other) => other === value).length - 1) / 2);
  }

  /** Spearman's, or null where there is no order to compare. */
  function rankCorrelation(first, second) {
    if (first.length < 3) return null;
    const [a, b] = [ranks(first), ranks(second)];
    const mean = (a.length + 1) / 2;
    const sum = (terms) => terms.reduce((total, term) => total + term, 0);
    const spread = Math.sqrt(sum(a.map((p) => (p - mean) ** 2)) * sum(b.map((q) => (q - mean) ** 2)));
    return spread ? sum(a.map((p, i) => (p - mean) * (b[i] - mean))) / spread : null;
  }

  const words = (row, { key, unit }) => (unit ? `${row.cells[key].text} ${unit}` : row.cells[key].text);

  /** A row's numbers on the two axes, which may be the same column. */
  const numbersOf = (row, x, y) => [...new Set([x, y])].map((column) => `${column.heading} ${words(row, column)}`);

  function rangeSentence(rows, column) {
    const value = (row) => row.cells[column.key].value;
    const low = rows.reduce((best, row) => (value(row) < value(best) ? row : best));
    const high = rows.reduce((best, row) => (value(row) > value(best) ? row : best));
    const from = `${column.heading}: ${words(low, column)} (${low.label})`;
    return low === high ? `${from}.` : `${from} to ${words(high, column)} (${high.label}).`;
  }

  function describe(rows, x, y, { things, agreement }) {
    if (!rows.length) return `None of the ${things} has a place on both axes.`;
    const sentences = [rangeSentence(rows, x), rangeSentence(rows, y)];
    const [across, upward] = [x, y].map(({ key }) => rows.map((row) => row.cells[key].value));
    const correlation = rankCorrelation(across, upward);
    if (correlation !== null) {
      const [, phrase] = agreement.find(([least]) => correlation >= least);
      const rounded = (Number(correlation.toFixed(2)) + 0).toFixed(2);
      sentences.push(`Rank correlation ${rounded}: the two orders are ${phrase}.`);
    }
    return sentences.join(" ");
  }

  function frontSentence(front) {
    const named = front.slice(0, MOST_NAMES).map((row) => row.label).join(", ");
    const more = front.length > MOST_NAMES ? ` and ${front.length - MOST_NAMES} more` : "";
    return ` On the Pareto front (★ in the table): ${named}${more}.`;
  }

  // ---- Axes -----------------------------------------------------------------------------------------------------
  function limits(values, log) {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const one = most - least <= 1e-9 * Math.max(Math.abs(least), Math.abs(most)); // equal, but for rounding
    if (log) {
      const [low, high] = [Math.log10(least), Math.log10(most)];
      const margin = one ? 0.5 : 0.05 * (high - low);
      return [10 ** (low - margin), 10 ** (high + margin)];
    }
    const margin = one ? Math.abs(most) / 2 || 1 : 0.06 * (most - least);
    return [least >= 0 && least < margin ? 0 : least - margin, most + margin];
  }

  /** Round numbers between the ends: powers of ten, their doubles and fives, or equal steps. */
  function ticks([low, high], log, most) {
    if (log) {
      let found = [];
      for (const digits of [[1, 2, 5], [1, 3], [1]]) {
        found = [];
        for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
          found.push(...digits.map((digit) => Number(`${digit}e${power}`)).filter((tick) => tick >= low && tick <= high));
        }
        if (found.length >= 2 && found.length <= most) return found;
      }
      if (found.length > most) {
        const every = Math.ceil(found.length / most);
        return found.filter((_, index) => index % every === 0);
      }
    }
    const rough = (high - low) / most;
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = size * [1, 2, 5, 10].find((factor) => size * factor >= rough * 0.999);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k <= high / step + 1e-9; k += 1) found.push(k * step);
    return found;
  }

  const round = (value, digits) => Number(value.toPrecision(digits)).toLocaleString("en-US", { maximumFractionDigits: 12 });

  /** Letters only where the axis has none of its own: "20 M" of bare numbers, "20,000" of millions. */
  function tickText(value, largest, scale) {
    if (scale === 1 && largest >= 10000) {
      for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
        if (Math.abs(value) >= size * 0.999) return `${round(value / size, 4)} ${letter}`;
      }
    }
    return round(value, 10);
  }

  /** One axis: `at` puts a value between two pixels; its ticks are places and texts. */
  function makeAxis(rows, column, log, most) {
    const ends = limits(rows.map((row) => row.cells[column.key].value), log);
    const ruler = log ? Math.log10 : (value) => value;
    const [low, high] = ends.map(ruler);
    return {
      at: (value, from, to) => from + ((ruler(value) - low) / (high - low)) * (to - from),
      ticks: ticks(ends, log, most).map((value) => [value, tickText(value / column.scale, ends[1], column.scale)]),
    };
  }

  // ---- The chart ------------------------------------------------------------------------------------------------
  function makeChart(settings, rows) {
    const grid = make("g", { class: "lx-grid" });
    const step = make("path", { class: "lx-step" });
    const points = make("g", { class: "lx-points" });
    const labels = make("g", { class: "lx-labels" });
    const cross = make("path", { class: "lx-cross" });
    const ring = make("path", { class: "lx-ring" });
    const svg = make("svg", { "aria-hidden": "true" }, grid, step, points, cross, labels, ring);
    const tip = make("div", { class: "lx-tip", "aria-hidden": "true" });
    const plot = make("div", { class: "lx-plot", role: "slider", tabindex: 0, "aria-label": "Points of the chart, from left to right" }, svg, tip);
    const markOf = (row) => settings.marks[settings.shape ? settings.families.indexOf(row.cells[settings.shape].text) : 0];
    for (const row of rows) {
      const { path, colour, filled } = markOf(row);
      row.path = path;
      row.point = make("path", { class: filled ? "lx-point" : "lx-point lx-hollow", d: path, style: `--lx-mark: ${colour}`, "data-point": row.label });
      points.append(row.point);
    }
    let places = new Map();
    let area = null;
    let walls = [];

    /** Names beside their points where nothing is in the way; the first of `named` choose first. */
    function drawLabels(named) {
      labels.replaceChildren();
      // Room around each point, so that no name seems to belong to a neighbour.
      const taken = [...walls, ...[...places.values()].map(([x, y]) => [x - 9, y - 6, x + 9, y + 6])];
      for (const row of named) {
        const [x, y] = places.get(row);
        const text = make("text", { class: row.marked ? "lx-kept" : null }, row.label);
        labels.append(text);
        const wide = text.getComputedTextLength();
        const inside = (box) => box[0] >= area.left && box[2] <= area.width && box[1] >= area.top && box[3] <= area.bottom;
        const free = (box) => inside(box)
          && !taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]);
        const spots = [[x + 9, y], [x - 9 - wide, y], [x - wide / 2, y - 14], [x - wide / 2, y + 14], [x + 9, y - 11],
          [x + 9, y + 11], [x - 9 - wide, y - 11], [x - 9 - wide, y + 11]];
        const boxes = spots.map(([left, middle]) => [left, middle - 7, left + wide, middle + 7]);
        // A name that the reader asked for is shown in any case, if need be on top of others.
        const shifted = Math.max(area.left, Math.min(x - wide / 2, area.width - wide));
        const asked = row.marked ? boxes.find(inside) ?? [shifted, y + 7, shifted + wide, y + 21] : null;
        const box = boxes.find(free) ?? asked;
        if (box) {
          taken.push(box);
          text.setAttribute("x", box[0].toFixed(1));
          text.setAttribute("y", (box[1] + 11).toFixed(1));
        } else text.remove();
      }
    }

    function drawGrid(x, y, xAxis, yAxis) {
      const { left, right, top, bottom, width } = area;
      const line = (d, name = null) => make("path", { d, class: name });
      grid.replaceChildren(
        ...xAxis.ticks.flatMap(([value, text]) => {
          const at = xAxis.at(value, left, right).toFixed(1);
          return [line(`M${at} ${top}V${bottom}`), make("text", { x: at, y: bottom + 18, "text-anchor": "middle" }, text)];
        }),
        ...yAxis.ticks.flatMap(([value, text]) => {
          const at = yAxis.at(value, bottom, top);
          return [line(`M${left} ${at.toFixed(1)}H${right}`), make("text", { x: left - 8, y: (at + 4).toFixed(1), "text-anchor": "end" }, text)];
        }),
        line(`M${left} ${top}V${bottom}H${right}`, "lx-frame"),
        make("text", { class: "lx-axis", x: 2, y: 14 }, `↑ ${y.title}`),
        make("text", { class: "lx-axis", x: width - 2, y: bottom + 42, "text-anchor": "end" }, `${x.title} →`));
    }

    function drawFront(front, x) {
      const spots = front.map((row) => places.get(row));
      const corners = spots.slice(1).map(([left, top], i) => {
        const [before, above] = spots[i];
        // Between two rows of the front, the one with the better x rules.
        return x.better === "lower" ? [left, above] : [before, top];
      });
      const line = spots.flatMap((spot, i) => (i ? [corners[i - 1], spot] : [spot]));
      step.setAttribute("d", line.map((spot, i) => `${i ? "L" : "M"}${spot.map((at) => at.toFixed(1)).join(" ")}`).join(""));
      walls = line.slice(1).map(([a, b], i) => [Math.min(a, line[i][0]) - 1, Math.min(b, line[i][1]) - 1,
        Math.max(a, line[i][0]) + 1, Math.max(b, line[i][1]) + 1]);
      points.classList.toggle("lx-fronted", front.length > 0);
      for (const row of rows) row.point.classList.toggle("lx-on-front", front.includes(row));
    }

    function draw({ drawn, front, x, y, xLog, yLog }) {
      const width = Math.round(plot.clientWidth);
      if (!width) return;
      const height = Math.round(clamp(width * 0.6, 300, 460));
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      places = new Map();
      for (const row of rows) row.point.style.display = drawn.includes(row) ? "" : "none";
      if (drawn.length) {
        const xAxis = makeAxis(drawn, x, xLog, width < 480 ? 4 : 8);
        const yAxis = makeAxis(drawn, y, yLog, 7);
        const left = 14 + 7 * Math.max(...yAxis.ticks.map(([, text]) => text.length));
        area = { left, right: width - 10, top: 30, bottom: height - 50, width, height };
        for (const row of drawn) {
          const place = [xAxis.at(row.cells[x.key].value, area.left, area.right), yAxis.at(row.cells[y.key].value, area.bottom, area.top)];
          places.set(row, place);
          row.point.style.transform = `translate(${place[0].toFixed(1)}px, ${place[1].toFixed(1)}px)`;
        }
        drawGrid(x, y, xAxis, yAxis);
      } else {
        grid.replaceChildren(make("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, "Nothing to draw"));
      }
      drawFront(front, x);
      const kept = drawn.filter((row) => row.marked);
      const wanted = drawn.length <= MOST_LABELS ? [...front, ...drawn] : front;
      drawLabels([...new Set([...kept, ...wanted])]);
    }

    /** Show which point is meant: a ring, lines to the axes and its numbers. */
    function point(row, x, y) {
      const place = places.get(row);
      for (const element of [ring, cross]) element.style.display = place ? "" : "none";
      tip.hidden = !place;
      if (!place) return;
      const [left, top] = place;
      ring.setAttribute("d", row.path);
      ring.setAttribute("transform", `translate(${left.toFixed(1)} ${top.toFixed(1)}) scale(1.5)`);
      cross.setAttribute("d", `M${area.left} ${top.toFixed(1)}H${left.toFixed(1)}V${area.bottom}`);
      tip.replaceChildren(make("strong", {}, row.label), ...numbersOf(row, x, y).map((text) => make("span", {}, text)));
      const beside = left + 14 + tip.offsetWidth <= area.width ? left + 14 : left - 14 - tip.offsetWidth;
      tip.style.left = `${clamp(beside, 0, Math.max(0, area.width - tip.offsetWidth))}px`;
      tip.style.top = `${clamp(top - tip.offsetHeight - 8, 0, area.bottom)}px`;
    }

    function nearest(event) {
      const frame = svg.getBoundingClientRect();
      let [best, distance] = [null, REACH];
      for (const [row, [x, y]] of places) {
        const away = Math.hypot(event.clientX - frame.left - x, event.clientY - frame.top - y);
        if (away < distance) [best, distance] = [row, away];
      }
      return best;
    }

    return { plot, draw, point, nearest };
  }

  // ---- Controls -------------------------------------------------------------------------------------------------
  function makeField(label, input, ...more) {
    input.id = `lx-${(created += 1)}`;
    return make("div", { class: "lx-field" }, make("label", { for: input.id }, label), input, ...more);
  }

  function makeSelect(name, options, change) {
    const select = make("select", { name, autocomplete: "off" }, ...options.map(([value, text]) => make("option", { value }, text)));
    select.addEventListener("input", () => change(select.value));
    return select;
  }

  /** A check box after its own label, whose name may start with words that only a screen reader says. */
  function makeCheck(name, label, spoken, change) {
    const input = make("input", { type: "checkbox", name, autocomplete: "off" });
    input.addEventListener("input", () => change(input.checked));
    const unseen = spoken ? make("span", { class: "lx-unseen" }, spoken) : null;
    return { input, label: make("label", { class: "lx-check" }, input, make("span", {}, unseen, label)) };
  }

  // ---- The scoreboard -------------------------------------------------------------------------------------------
  function mount(host) {
    const settings = JSON.parse(host.querySelector("script[type='application/json']").textContent);
    const { columns } = settings;
    const byKey = Object.fromEntries(columns.map((column) => [column.key, column]));
    const numbers = columns.filter((column) => !column.text);
    const filters = columns.filter((column) => column.text && column.key !== settings.label);
    const figure = host.querySelector("figure");
    const caption = host.querySelector("figcaption");
    const box = host.querySelector(".lx-box");
    const body = host.querySelector("tbody");
    const rows = readRows(body, columns, settings.label);
    const chart = makeChart(settings, rows);
    const fresh = () => ({
      x: settings.x, y: settings.y, find: "", front: settings.pareto === true, sort: null, down: false,
      log: Object.fromEntries(numbers.map(({ key, log }) => [key, log])),
      filter: Object.fromEntries(filters.map(({ key }) => [key, ""])),
    });
    let state = fresh();
    let view = {};
    let hovered = null;
    let focused = null;

    const set = (change) => { Object.assign(state, change); update(); };
    const axisOptions = numbers.map(({ key, heading }) => [key, heading]);
    const xSelect = makeSelect("x", axisOptions, (x) => set({ x }));
    const ySelect = makeSelect("y", axisOptions, (y) => set({ y }));
    const xLog = makeCheck("x_log", "logarithmic", "horizontal axis ", (on) => { state.log[state.x] = on; update(); });
    const yLog = makeCheck("y_log", "logarithmic", "vertical axis ", (on) => { state.log[state.y] = on; update(); });
    const find = make("input", { type: "search", name: "find", autocomplete: "off", spellcheck: "false" });
    find.addEventListener("input", () => set({ find: find.value }));
    const selects = filters.map(({ key, heading }) => {
      const values = [...new Set(rows.map((row) => row.cells[key].text))].sort((a, b) => order(a.toLowerCase(), b.toLowerCase()));
      const select = makeSelect(`filter_${key}`, [["", "all"], ...values.map((value) => [value, value])],
        (value) => { state.filter[key] = value; update(); });
      return { key, heading, select };
    });
    const offered = settings.pareto !== false && numbers.filter((column) => column.better).length > 1;
    const front = makeCheck("pareto", "Pareto front", "", (on) => set({ front: on }));
    const frontHelp = make("span", { class: "lx-note" });
    const reset = make("button", { type: "button", class: "lx-reset" }, "Reset");
    reset.addEventListener("click", () => {
      state = fresh();
      for (const row of rows) keep(row, false);
      body.append(...rows.map((row) => row.tr));
      update();
    });
    const controls = make("div", { class: "lx-controls" },
      makeField("Vertical axis", ySelect, yLog.label), makeField("Horizontal axis", xSelect, xLog.label),
      makeField(`Find ${byKey[settings.label].heading.toLowerCase()}`, find),
      ...selects.map(({ heading, select }) => makeField(heading, select)),
      offered ? make("div", { class: "lx-field lx-front" }, front.label, frontHelp) : null);
    const status = make("p", { class: "lx-status", role: "status" });
    const hint = make("p", { class: "lx-hint" }, "Point at a row to find its point, or the other way round. A press on a name keeps its label in the chart. With keys: Tab, then arrows.");

    function setUpTable() {
      const heads = [...host.querySelectorAll("thead th")];
      columns.forEach((column, index) => {
        const arrow = make("span", { class: "lx-arrow", "aria-hidden": "true" });
        const button = make("button", { type: "button", name: `sort_${column.key}` }, ...heads[index].childNodes, arrow);
        button.addEventListener("click", () => sortBy(column));
        heads[index].append(button);
        Object.assign(column, { head: heads[index], arrow });
      });
      for (const row of rows) {
        const name = row.tr.cells[0];
        row.button = make("button", { type: "button", class: "lx-name", tabindex: -1, "aria-pressed": "false" }, row.label);
        row.badge = make("span", { class: "lx-badge", hidden: "" }, make("span", { "aria-hidden": "true" }, "★"),
          make("span", { class: "lx-unseen" }, "on the Pareto front"));
        row.marked = false;
        name.replaceChildren(row.button, row.badge);
        row.button.addEventListener("click", () => { keep(row, !row.marked); update(); });
        row.button.addEventListener("focus", () => { focused = row; point(); });
        row.button.addEventListener("blur", () => { focused = null; point(); });
        row.button.addEventListener("keydown", (event) => walk(event, row));
        row.tr.addEventListener("pointerenter", () => { hovered = row; point(); });
        row.tr.addEventListener("pointerleave", () => { hovered = null; point(); });
      }
    }

    function keep(row, on) {
      row.marked = on;
      row.button.setAttribute("aria-pressed", String(on));
    }

    function sortBy(column) {
      const down = state.sort === column.key && !state.down;
      body.append(...sortRows(rows, column, down).map((row) => row.tr));
      set({ sort: column.key, down });
    }

    /** Arrow keys go from name to name; Tab leaves the table. */
    function walk(event, row) {
      const shown = [...body.rows].filter((tr) => !tr.hidden).map((tr) => rows.find((other) => other.tr === tr));
      const at = shown.indexOf(row);
      const goal = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 }[event.key];
      if (goal === undefined || !shown[goal]) return;
      event.preventDefault();
      setStop(shown[goal]);
      shown[goal].button.focus();
    }

    /** The one name that Tab reaches. */
    function setStop(stop) {
      for (const row of rows) row.button.tabIndex = row === stop ? 0 : -1;
    }

    function setUpChart() {
      const { plot } = chart;
      const go = (row) => { focused = row; point(true); };
      plot.addEventListener("keydown", (event) => {
        const upward = event.key === "ArrowUp" || event.key === "ArrowDown";
        const list = sortRows(view.drawn, upward ? view.y : view.x);
        if ((event.key === "Enter" || event.key === " ") && focused) {
          event.preventDefault();
          keep(focused, !focused.marked);
          update();
          return;
        }
        const at = list.indexOf(focused);
        const goal = { ArrowRight: at + 1, ArrowUp: at + 1, ArrowLeft: at - 1, ArrowDown: at - 1, Home: 0, End: list.length - 1 }[event.key];
        if (goal === undefined) return;
        event.preventDefault();
        if (list[goal]) go(list[goal]);
      });
      plot.addEventListener("focus", () => { if (!focused && plot.matches(":focus-visible") && view.drawn.length) go(sortRows(view.drawn, view.x)[0]); });
      plot.addEventListener("blur", () => { focused = null; point(); });
      plot.addEventListener("pointermove", (event) => { hovered = chart.nearest(event); point(true); });
      plot.addEventListener("pointerleave", () => { hovered = null; point(); });
      plot.addEventListener("pointerdown", (event) => { focused = chart.nearest(event); point(true); });
      plot.addEventListener("click", (event) => {
        const row = chart.nearest(event);
        if (row) { keep(row, !row.marked); update(); }
      });
    }

    /** Show which row and point belong together; `scroll` brings the row into its box, never the page. */
    function point(scroll = false) {
      const active = hovered ?? focused;
      for (const row of rows) row.tr.classList.toggle("lx-active", row === active);
      chart.point(active, view.x, view.y);
      const list = sortRows(view.drawn, view.x);
      const at = list.indexOf(active);
      chart.plot.setAttribute("aria-valuemin", Math.min(1, list.length));
      chart.plot.setAttribute("aria-valuemax", list.length);
      chart.plot.setAttribute("aria-valuenow", Math.max(at + 1, Math.min(1, list.length)));
      chart.plot.setAttribute("aria-valuetext", at < 0 ? "no point chosen" : [active.label, ...numbersOf(active, view.x, view.y)].join(", "));
      if (scroll && active && !active.tr.hidden) {
        const [row, frame] = [active.tr.getBoundingClientRect(), box.getBoundingClientRect()];
        const head = host.querySelector("thead").offsetHeight;
        if (row.top < frame.top + head) box.scrollTop -= frame.top + head - row.top;
        else if (row.bottom > frame.bottom) box.scrollTop += row.bottom - frame.bottom;
      }
    }

    function select() {
      const [x, y] = [byKey[state.x], byKey[state.y]];
      const wanted = state.find.trim().toLowerCase();
      const shown = rows.filter((row) => row.label.toLowerCase().includes(wanted)
        && filters.every(({ key }) => !state.filter[key] || row.cells[key].text === state.filter[key]));
      const present = shown.filter((row) => row.cells[x.key].value !== null && row.cells[y.key].value !== null);
      const fits = (row, { key }) => !state.log[key] || row.cells[key].value > 0;
      const drawn = present.filter((row) => fits(row, x) && fits(row, y));
      const possible = Boolean(offered && x.better && y.better);
      return { x, y, shown, present, drawn, possible, xLog: state.log[x.key], yLog: state.log[y.key],
        front: state.front && possible ? paretoFront(drawn, x, y) : [] };
    }

    /** How many rows there are, in which order, and which of them the chart cannot draw. */
    function statusText() {
      const parts = [`${view.shown.length} of ${rows.length} ${settings.things}`];
      if (state.sort) {
        const { heading, text } = byKey[state.sort];
        const first = text ? (state.down ? "from Z to A" : "from A to Z") : state.down ? "highest first" : "lowest first";
        parts[0] += `, sorted by ${heading}, ${first}`;
      }
      const lacking = [...new Set([view.x, view.y])].filter(({ key }) => view.shown.some((row) => row.cells[key].value === null));
      const without = view.shown.length - view.present.length;
      if (without) parts.push(`Not drawn: ${without} without a value for ${lacking.map(({ heading }) => heading).join(" or ")}`);
      const below = view.present.length - view.drawn.length;
      if (below) parts.push(`Not drawn: ${below}, for which a logarithmic axis has no place (it shows only numbers above zero)`);
      return `${parts.join(". ")}.`;
    }

    function showControls() {
      xSelect.value = state.x;
      ySelect.value = state.y;
      xLog.input.checked = view.xLog;
      yLog.input.checked = view.yLog;
      if (find.value !== state.find) find.value = state.find;
      for (const { key, select: element } of selects) element.value = state.filter[key];
      front.input.checked = state.front && view.possible;
      front.input.disabled = !view.possible;
      frontHelp.textContent = view.possible ? `the ${settings.things} that no other beats` : "needs two axes with a better end";
    }

    function update() {
      view = select();
      showControls();
      for (const row of rows) {
        row.tr.hidden = !view.shown.includes(row);
        row.badge.hidden = !view.front.includes(row);
        row.tr.classList.toggle("lx-kept", row.marked);
      }
      for (const { key, head, arrow } of columns) {
        const sorted = key === state.sort;
        arrow.textContent = sorted ? (state.down ? "▼" : "▲") : "";
        if (sorted) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      }
      const stop = rows.find((row) => row.button.tabIndex === 0);
      if (!stop || stop.tr.hidden) setStop(rows.find((row) => !row.tr.hidden));
      const text = statusText();
      if (status.textContent !== text) status.textContent = text;
      caption.textContent = describe(view.drawn, view.x, view.y, settings) + (view.front.length ? frontSentence(view.front) : "");
      chart.draw(view);
      if (hovered && !view.shown.includes(hovered)) hovered = null;
      point();
    }

    host.querySelector(".lx-title").before(reset);
    figure.before(controls);
    figure.querySelector("svg").replaceWith(chart.plot);
    caption.removeAttribute("aria-hidden");
    box.before(make("div", { class: "lx-words" }, status, hint));
    setUpTable();
    setUpChart();
    update();
    new ResizeObserver(() => { chart.draw(view); point(); }).observe(chart.plot);
    host.dataset.ready = "";
  }

  function mountAll() {
    for (const host of document.querySelectorAll("[data-explore]")) mount(host);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
