
// ---- Pictures -------------------------------------------------------------------------------------------------
// Each kind of picture is a maker. It gets the names that the picture uses, and returns the picture's parts, the
// drawing that carries the sentence, and `draw`: it gets a function that reads a number by its name, follows the
// numbers, and returns the sentence.

function makePicture({ kind, uses }, spec, byName) {
  const { drawing, parts, draw } = PICTURES[kind](uses, spec, byName);
  const caption = make("figcaption");
  const figure = make("figure", { class: `ln-picture ln-${kind}` }, ...parts, caption);
  const scales = Object.fromEntries(spec.controls.map(({ name, scale }) => [name, scale ?? 1]));
  let state = null;
  let possible = true;
  const follow = () => {
    let sentence = "No picture: this setting is not possible.";
    if (state) {
      const shown = draw((name) => state.values[name] / (scales[name] ?? 1), state);
      sentence = possible ? shown : `The last possible setting: ${shown}`;
    }
    drawing.setAttribute("aria-label", sentence);
    setText(caption, sentence);
  };
  // Some pictures show less where there is little room.
  let width = 0;
  new ResizeObserver(([{ contentRect }]) => {
    if (width !== (width = contentRect.width)) follow();
  }).observe(figure);
  return {
    figure,
    show: (next) => { [state, possible] = [next, true]; follow(); },
    keep: () => { possible = false; follow(); },
  };
}

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
/** A number with three digits that count. */
const rounded = (value) => new Intl.NumberFormat("en-US", value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 }).format(value);

// ---- Channels to channels -------------------------------------------------------------------------------------
const MOST_CELLS = 32;

/** A matrix of which input reaches which output: a row an output channel, a column an input channel. */
function makeMatrix(attributes) {
  const background = make("rect", { class: "ln-paper", x: 0, y: 0 });
  const cells = make("path", { class: "ln-cells" });
  const drawing = make("svg", attributes, background, cells);
  const element = make("div", { class: "ln-matrix" },
    make("div", { class: "ln-axis ln-across", "aria-hidden": "true" }, "input channels →"),
    make("div", { class: "ln-axis ln-down", "aria-hidden": "true" }, "output channels →"), drawing);
  /** `reach` gives the groups of inputs that a group of outputs sees: the first, and how many, counted round. */
  const draw = (ins, outs, groups, reach) => {
    const [columns, rows] = [Math.min(ins, MOST_CELLS), Math.min(outs, MOST_CELLS)];
    drawing.setAttribute("viewBox", `-0.25 -0.25 ${columns + 0.5} ${rows + 0.5}`);
    background.setAttribute("width", columns);
    background.setAttribute("height", rows);
    cells.setAttribute("d", matrixPath(columns, rows, ins / groups, outs / groups, groups, reach));
    if (columns === ins && rows === outs) return "";
    return ` Drawn with ${columns} × ${rows} cells: one stands for about ${+(ins / columns).toFixed(1)} input and ${+(outs / rows).toFixed(1)} output channels, and is filled as far as they are connected.`;
  };
  return { element, drawing, draw };
}

/** The filled cells; one that stands for several channels is as full as the share of them that are connected. */
function matrixPath(columns, rows, wide, high, groups, reach) {
  const edge = (cell, cells, channels) => Math.floor((cell * channels) / cells);
  const overlap = (from, to, left, right) => Math.max(0, Math.min(to, right) - Math.max(from, left));
  const paths = [];
  for (let row = 0; row < rows; row += 1) {
    const [top, bottom] = [edge(row, rows, high * groups), edge(row + 1, rows, high * groups)];
    for (let column = 0; column < columns; column += 1) {
      const [left, right] = [edge(column, columns, wide * groups), edge(column + 1, columns, wide * groups)];
      let connected = 0;
      for (let group = Math.floor(top / high); group < Math.ceil(bottom / high); group += 1) {
        const [first, count] = reach(group);
        const seen = overlap(first * wide, (first + count) * wide, left, right)
          + overlap((first - groups) * wide, (first + count - groups) * wide, left, right);
        connected += seen * overlap(group * high, (group + 1) * high, top, bottom);
      }
      if (connected > 0) {
        const side = 0.86 * Math.max(0.3, Math.sqrt(connected / ((bottom - top) * (right - left))));
        const [length, margin] = [side.toFixed(2), 0.5 - side / 2];
        paths.push(`M${(column + margin).toFixed(2)} ${(row + margin).toFixed(2)}h${length}v${length}h-${length}z`);
      }
    }
  }
  return paths.join("");
}

/** Which input channel feeds which output channel of a grouped convolution. */
function makeConnectivity([inputs, outputs, groupCount]) {
  const { element, drawing, draw } = makeMatrix({ role: "img" });
  return {
    drawing,
    parts: [element],
    draw: (read) => {
      const [ins, outs, groups] = [read(inputs), read(outputs), read(groupCount)];
      const reduced = draw(ins, outs, groups, (group) => [group, 1]);
      if (groups === 1) return `Dense: each of the ${plural(outs, "output channel")} reads ${ins === 1 ? "the one input channel" : `all ${ins} input channels`}.${reduced}`;
      if (ins === groups) return `Diagonal (depthwise): each of the ${outs} output channels reads one input channel of ${ins}.${reduced}`;
      return `Block-diagonal: ${groups} groups; each of the ${outs} output channels reads the ${ins / groups} input channels of its own group, of ${ins}.${reduced}`;
    },
  };
}

// ---- The channel shuffle --------------------------------------------------------------------------------------
const COLOURS = 8;
const GAP = 0.35;
const AFTER = 3.4; // where the row behind the shuffle begins

/** Two grouped 1×1 convolutions with a channel shuffle between them. */
function makeShuffle([channelCount, groupCount]) {
  const drawing = make("svg", { role: "img" });
  const play = make("button", { type: "button", class: "ln-play" }, "Play");
  const [without, shuffled] = [makeMatrix({ "aria-hidden": "true" }), makeMatrix({ "aria-hidden": "true" })];
  const rows = make("div", { class: "ln-rows" },
    make("p", { class: "ln-axis" }, "Channels behind the first grouped convolution; a number is its group"), drawing,
    make("p", { class: "ln-axis" }, "The same channels as the second one reads them; a frame is one of its groups"), play);
  const flow = (title, matrix) => make("div", {}, make("p", { class: "ln-axis" }, title), matrix.element);
  const flows = make("div", { class: "ln-flows" }, flow("Without shuffle", without), flow("With shuffle", shuffled));
  let moving = [];
  play.addEventListener("click", () => playShuffle(moving));
  let drawn = "";
  const draw = (read) => {
    const [channels, groups] = [read(channelCount), read(groupCount)];
    const size = channels / groups;
    // So many that a number can be read in each; 24 can be split into 1, 2, 3, 4, 6 and 8 groups.
    const most = Math.min(MOST_CELLS, Math.max(16, 8 * Math.floor(rows.clientWidth / 136)));
    const places = groups > most ? most : groups * Math.min(size, Math.floor(most / groups));
    // Drawn again only for other numbers, so that nothing stops a shuffle that plays.
    if (drawn !== (drawn = [channels, groups, most].join())) {
      moving = drawShuffle(drawing, channels, groups, places);
      without.draw(channels, channels, groups, (group) => [group, 1]);
      shuffled.draw(channels, channels, groups, (group) => (size >= groups ? [0, groups] : [(group * size) % groups, size]));
    }
    return shuffleSentence(channels, groups, places);
  };
  return { drawing, parts: [make("div", { class: "ln-side" }, rows, flows)], draw };
}

function shuffleSentence(channels, groups, places) {
  const size = channels / groups;
  if (groups === 1) return `One group: every output sees all ${plural(channels, "input")}, with the shuffle and without, and no channel moves.`;
  const seen = size * Math.min(size, groups);
  const drawn = places < channels ? ` Drawn are the first ${places} of ${channels} places behind the shuffle, and the channels that go there.` : "";
  const cells = channels > MOST_CELLS ? ` A cell of the matrices stands for about ${+(channels / MOST_CELLS).toFixed(1)} channels each way, and is filled as far as they are connected.` : "";
  return `${channels} channels in ${groups} groups of ${size}. Without the shuffle each output sees ${size} of the ${plural(channels, "input")}, with the shuffle ${seen === channels ? `all ${channels}` : seen}.${drawn}${cells}`;
}

/** Draw the first places behind the shuffle, and what goes there; returns the cells that can move, with their ways. */
function drawShuffle(drawing, channels, groups, places) {
  const size = channels / groups;
  const shownSize = Math.max(1, places / groups);
  const moves = Array.from({ length: places }, (_, place) => {
    const [group, index] = [place % groups, Math.floor(place / groups)];
    const before = group * (shownSize + GAP) + index;
    return { group, before: [before, 0], after: [place + Math.floor(place / size) * GAP, AFTER] };
  });
  const lines = moves.map(({ before: [x1], after: [x2] }) => `M${x1 + 0.5} 1.15C${x1 + 0.5} 2.2 ${x2 + 0.5} 2.2 ${x2 + 0.5} ${AFTER - 0.15}`);
  const frames = [
    ...makeFrames(Math.min(groups, places), shownSize, 0, places),
    ...makeFrames(Math.ceil(places / size), size, AFTER, places),
  ];
  const standing = moves.map(({ group, before }) => makeChannel(group, before));
  const moving = moves.map(({ group, after }) => makeChannel(group, after));
  const more = places < channels;
  const width = Math.max(...moves.map(({ before, after }) => Math.max(before[0], after[0]))) + 1 + (more ? 0.9 : 0);
  const dots = more ? make("text", { class: "ln-dots", x: width - 0.85, y: AFTER + 0.7 }, "…") : null;
  drawing.setAttribute("viewBox", `-0.25 -0.25 ${width + 0.5} ${AFTER + 1.5}`);
  drawing.style.maxWidth = `${width * 2.4}rem`;
  drawing.replaceChildren(make("path", { class: "ln-ways", d: lines.join("") }), ...frames, ...standing, ...moving, ...(dots ? [dots] : []));
  return moving.map((element, index) => ({ element, ...moves[index] }));
}

/** One frame a group; the last may be cut off. */
function makeFrames(count, size, y, places) {
  return Array.from({ length: count }, (_, group) => make("rect", {
    class: "ln-frame", x: group * (size + GAP) - 0.1, y: y - 0.1, height: 1.2, rx: 0.15,
    width: Math.min(size, places - group * size) + 0.2,
  }));
}

const shift = ([x, y]) => `translate(${x}px, ${y}px)`;

function makeChannel(group, place) {
  const element = make("g", { class: "ln-channel" },
    make("rect", { x: 0.06, y: 0.06, width: 0.88, height: 0.88, rx: 0.1, style: `fill: var(--ln-group-${group % COLOURS})` }),
    make("text", { x: 0.5, y: 0.7 }, String(group + 1)));
  element.style.transform = shift(place);
  return element;
}

/** Move the channels one after the other; a reader who wants no motion sees them jump. */
function playShuffle(moving) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  moving.forEach(({ element, before, after }, place) => {
    for (const animation of element.getAnimations()) animation.cancel();
    element.animate([{ transform: shift(before) }, { transform: shift(after) }], {
      duration: 900, delay: 300 + (place * 1600) / moving.length, fill: "backwards", easing: still ? "steps(1, end)" : "ease-in-out",
    });
  });
}

// ---- Charts ---------------------------------------------------------------------------------------------------
const CHART = { width: 340, height: 230, left: 50, right: 320, top: 20, bottom: 188 };

function makeChart() {
  return make("svg", { role: "img", viewBox: `0 0 ${CHART.width} ${CHART.height}` });
}

const chartText = (x, y, text, anchor = "middle", kind = "ln-tick") => make("text", { x, y, class: kind, "text-anchor": anchor }, text);

/** Grid lines with their numbers, and the names of both axes. `across` and `up` turn numbers into places. */
function drawAxes({ across, up, xTicks, yTicks, xName, yName, format }) {
  const { left, right, top, bottom } = CHART;
  const grid = [...xTicks.map((tick) => `M${across(tick)} ${top}V${bottom}`), ...yTicks.map((tick) => `M${left} ${up(tick)}H${right}`)];
  return [
    make("path", { class: "ln-grid", d: grid.join("") }),
    make("path", { class: "ln-frame-line", d: `M${left} ${top}V${bottom}H${right}` }),
    ...xTicks.map((tick) => chartText(across(tick), bottom + 15, format(tick))),
    ...yTicks.map((tick) => chartText(left - 6, up(tick) + 4, format(tick), "end")),
    chartText((left + right) / 2, bottom + 34, xName, "middle", "ln-name"),
    chartText(2, top - 8, yName, "start", "ln-name"),
  ];
}

/** A text beside a point: at its right if there is room, or at its left if that is better and there is room. */
function chartLabel(x, y, text, leftIsBetter = false) {
  const length = 8 + 6.6 * text.length;
  const atRight = leftIsBetter ? x - length < CHART.left : x + length < CHART.width;
  return chartText(x + (atRight ? 8 : -8), y, text, atRight ? "start" : "end", "ln-mark");
}

const powersOfTen = (low, high) => Array.from({ length: Math.round(high - low) + 1 }, (_, index) => 10 ** (low + index));
const logScale = (low, high, from, to) => (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from);

/** A layer under the two roofs of a machine: its arithmetic, and what its memory delivers. */
function makeRoofline([peakName, bandwidthName, intensityName]) {
  const drawing = makeChart();
  const draw = (read) => {
    const [peak, bandwidth, intensity] = [read(peakName), read(bandwidthName), read(intensityName)];
    const ridge = peak / bandwidth;
    const reached = Math.min(peak, bandwidth * intensity);
    drawing.replaceChildren(...drawRoofline(peak, bandwidth, ridge, intensity, reached));
    const point = `At ${rounded(intensity)} FLOPs a byte at most ${rounded(reached)} GFLOP/s can be reached, ${rounded((100 * reached) / peak)}\u00a0% of the peak`;
    if (intensity < ridge) return `${point}: the arithmetic waits for memory. From ${rounded(ridge)} FLOPs a byte on (the ridge) it would be busy.`;
    return `${point}: the arithmetic is busy. Below ${rounded(ridge)} FLOPs a byte (the ridge) it would wait for memory.`;
  };
  return { drawing, parts: [drawing], draw };
}

function drawRoofline(peak, bandwidth, ridge, intensity, reached) {
  const { left, right, top, bottom } = CHART;
  const below = (value) => Math.floor(Math.log10(value) + 1e-9);
  const above = (value) => Math.ceil(Math.log10(value) - 1e-9);
  // At least a decade on both sides of the ridge, so that its regions can be named.
  const [x0, x1] = [Math.min(-1, below(ridge / 10), below(intensity)), Math.max(3, above(ridge * 10), above(intensity))];
  const [y0, y1] = [below(bandwidth * 10 ** x0), above(peak * 1.3)];
  const across = logScale(x0, x1, left, right);
  const up = logScale(y0, y1, bottom, top);
  const roof = `M${left} ${up(bandwidth * 10 ** x0)}L${across(ridge)} ${up(peak)}H${right}`;
  const [x, y] = [across(intensity), up(reached)];
  const region = (at, words) => words.map((word, index) => chartText(at, bottom - 18 + 13 * index, word, "middle", "ln-region"));
  return [
    ...drawAxes({ across, up, xTicks: powersOfTen(x0, x1), yTicks: powersOfTen(y0, y1), format: (tick) => tick.toLocaleString("en-US"),
      xName: "arithmetic intensity in FLOPs a byte", yName: "GFLOP/s" }),
    make("path", { class: "ln-guide", d: `M${across(ridge)} ${up(peak)}V${bottom}M${x} ${y}V${bottom}` }),
    ...region((left + across(ridge)) / 2, ["waits for", "memory"]),
    ...region((right + across(ridge)) / 2, ["busy", "computing"]),
    make("path", { class: "ln-line ln-line-0", d: roof }),
    chartText(across(ridge), up(peak) - 7, `ridge ${rounded(ridge)}`),
    make("circle", { class: "ln-point", cx: x, cy: y, r: 5 }),
    chartLabel(x, y + 17, `${rounded(reached)} GFLOP/s`),
  ];
}

// ---- Sweeps ---------------------------------------------------------------------------------------------------
const MOST_SAMPLES = 64;

/** Outputs over the whole range of one slider, the other controls as they are. */
function makeSweep([controlName, ...names], spec, byName) {
  const control = spec.controls.find(({ name }) => name === controlName);
  const evaluate = compileSpec(spec, names);
  const drawing = makeChart();
  const legend = names.length === 1 ? [] : [make("p", { class: "ln-legend" }, ...names.map((name, index) => make("span", {},
    make("svg", { viewBox: "0 0 34 10", "aria-hidden": "true" }, make("path", { class: `ln-line ln-line-${index}`, d: "M1 5H33" })), byName[name].label)))];
  const draw = (read, { settings, data, values }) => {
    const { stride, places } = sweepPlaces(control, values);
    const samples = places.map((place) => {
      const result = evaluate({ ...settings, [controlName]: place }, data);
      return { place, values: result.broken ? null : result.values };
    });
    const present = { place: settings[controlName], values };
    drawing.replaceChildren(...drawSweep(control, names, byName, samples, present));
    return sweepSentence(control, names, byName, samples, present, stride);
  };
  return { drawing, parts: [drawing, ...legend], draw };
}

/**
 * Settings of the slider, all on its grid: every one if there are few, else each 2nd, 4th, 8th ... from the present
 * one (even distances, so that a check on divisors does not refuse most of them), with both ends. Of a slider that
 * should divide other numbers, the divisors.
 */
function sweepPlaces(control, values) {
  const { name, minimum, maximum, step, scale } = control;
  const inOrder = (numbers) => [...new Set(numbers)].sort((a, b) => a - b);
  if (control.divides.length) {
    const divisors = divisorsBetween(control, control.divides.map((other) => values[other]));
    return { stride: 1, places: inOrder([...divisors, values[name]]) };
  }
  const [low, by] = [Math.round(minimum * scale), Math.round(step * scale)];
  const last = Math.round((Math.round(maximum * scale) - low) / by);
  let stride = 1;
  while (stride === 1 ? last >= MOST_SAMPLES : last / stride > MOST_SAMPLES - 3) stride *= 2;
  const present = Math.round((values[name] - low) / by);
  const indices = [0, last];
  for (let index = present % stride; index <= last; index += stride) indices.push(index);
  return { stride, places: inOrder(indices).map((index) => (low + index * by) / scale) };
}

const unitOf = ({ unit }) => (unit ? ` ${unit}` : "");

function sweepSentence(control, names, byName, samples, present, stride) {
  const possible = samples.filter(({ values }) => values);
  const [first, last] = [possible[0], possible[possible.length - 1]];
  const told = names.map((name) => {
    const text = ({ values }) => `${byName[name].number.format(values[name])}${unitOf(byName[name])}`;
    return `“${byName[name].label}” is ${text(first)} at ${first.place}, ${text(last)} at ${last.place}, and ${text(present)} at the present ${present.place}${unitOf(control)}`;
  });
  const some = stride > 1 ? ` Drawn through every ${stride}${stride === 2 ? "nd" : "th"} setting.` : "";
  const gaps = possible.length < samples.length ? " Where the curve has gaps, the setting is not possible." : "";
  const dots = control.divides.length ? " Dots are the settings that divide without a remainder." : "";
  return `Over “${control.label}”: ${told.join("; ")}.${some}${gaps}${dots}`;
}

/** Round numbers from low to high, about as many as wanted at most. */
function roundTicks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, index) => +((first + index) * step).toPrecision(12));
}

/** A short number for an axis: 0.5, 200, 3 k, 1.5 M, 2 G. */
function short(value) {
  const [size, letter] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([limit]) => Math.abs(value) >= limit) ?? [1, ""];
  return `${+(value / size).toPrecision(3)}${letter && ` ${letter}`}`;
}

function drawSweep(control, names, byName, samples, present) {
  const { left, right, top, bottom } = CHART;
  const divisors = control.divides.length > 0;
  const numbers = [...samples, present].flatMap(({ values }) => (values ? names.map((name) => values[name]) : []));
  const lowest = Math.min(0, ...numbers);
  const tallest = Math.max(...numbers) > lowest ? Math.max(...numbers) : lowest + 1;
  const yTicks = roundTicks(lowest, tallest, 5);
  const highest = Math.max(tallest, yTicks[yTicks.length - 1]);
  const [low, high] = divisors ? [1, Math.max(2, ...samples.map(({ place }) => place), present.place)] : [control.minimum, control.maximum];
  const share = divisors ? (value) => Math.log2(value / low) / Math.log2(high / low) : (value) => (value - low) / (high - low);
  const across = (value) => left + share(value) * (right - left);
  const up = (value) => bottom - ((value - lowest) / (highest - lowest)) * (bottom - top);
  const xTicks = divisors ? Array.from({ length: Math.floor(Math.log2(high)) + 1 }, (_, power) => 2 ** power) : roundTicks(low, high, 6);
  const only = byName[names[0]];
  // Where a curve rises there is room at the upper left of its points.
  const possible = samples.filter(({ values }) => values);
  const rises = possible[0].values[only.name] < possible[possible.length - 1].values[only.name];
  return [
    ...drawAxes({ across, up, xTicks, yTicks, format: short, xName: control.label + (control.unit ? ` in ${control.unit}` : ""),
      yName: names.length === 1 ? only.label + (only.unit ? ` in ${only.unit}` : "") : only.unit }),
    make("path", { class: "ln-guide", d: `M${across(present.place)} ${top}V${bottom}` }),
    ...names.map((name, index) => make("path", { class: `ln-line ln-line-${index}`, d: sweepPath(samples, name, across, up) })),
    ...(divisors ? possible : []).flatMap(({ place, values }) =>
      names.map((name) => make("circle", { class: "ln-dot", cx: across(place), cy: up(values[name]), r: 2.5 }))),
    ...names.map((name) => make("circle", { class: "ln-point", cx: across(present.place), cy: up(present.values[name]), r: 5 })),
    ...apart(names.map((name) => ({ y: up(present.values[name]) - 7, text: byName[name].number.format(present.values[name]) })))
      .map(({ y, text }) => chartLabel(across(present.place), y, text, rises)),
  ];
}

/** A line through the samples, with a gap where one is missing; a sample between two gaps is a dot. */
function sweepPath(samples, name, across, up) {
  let pen = "M";
  return samples.map(({ place, values }) => {
    if (!values) {
      pen = "M";
      return "";
    }
    const point = `${across(place).toFixed(1)} ${up(values[name]).toFixed(1)}`;
    const drawn = pen === "M" ? `M${point}h0` : `L${point}`;
    pen = "L";
    return drawn;
  }).join("");
}

/** Labels from the bottom up, moved so that none covers another or leaves the chart. */
function apart(labels) {
  const line = 14;
  let lowest = CHART.bottom - 6;
  return [...labels].sort((a, b) => b.y - a.y).map(({ y, text }, index) => {
    const free = Math.min(lowest, Math.max(y, CHART.top + line * (labels.length - index)));
    lowest = free - line;
    return { y: free, text };
  });
}

const PICTURES = { connectivity: makeConnectivity, shuffle: makeShuffle, roofline: makeRoofline, sweep: makeSweep };
