// Names beside the points of a chart, where nothing is in the way.

/** @typedef {[left: number, top: number, right: number, bottom: number]} Box */
/** @typedef {[x: number, y: number]} Place */
/** @typedef {{ left: number, right: number, top: number, bottom: number, width: number }} Area Of the chart. */

/** @param {Box} a @param {Box} b */
const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** Room around a point, so that no name seems to belong to a neighbour. @param {Place} place @returns {Box} */
export const around = ([x, y]) => [x - 9, y - 6, x + 9, y + 6];

/**
 * The box of a name beside its point; undefined where there is no room.
 * @param {Place} place @param {number} wide @param {Area} area @param {Box[]} taken
 * @param {boolean} always A name that the reader asked for is shown in any case, if need be on top of others.
 * @returns {Box | undefined}
 */
export function boxBeside([x, y], wide, area, taken, always) {
  const spots = [
    [x + 9, y],
    [x - 9 - wide, y],
    [x - wide / 2, y - 14],
    [x - wide / 2, y + 14],
    [x + 9, y - 11],
    [x + 9, y + 11],
    [x - 9 - wide, y - 11],
    [x - 9 - wide, y + 11],
  ];
  const boxes = spots.map(([left, middle]) => /** @type {Box} */ ([left, middle - 7, left + wide, middle + 7]));
  const inside = boxes.filter((box) =>
    box[0] >= area.left && box[2] <= area.width && box[1] >= area.top && box[3] <= area.bottom
  );
  const free = inside.find((box) => !taken.some((other) => overlap(box, other)));
  if (free || !always) return free;
  const shifted = Math.max(area.left, Math.min(x - wide / 2, area.width - wide));
  return inside[0] ?? [shifted, y + 7, shifted + wide, y + 21];
}
