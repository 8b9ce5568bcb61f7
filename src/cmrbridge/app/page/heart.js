// Where the heart lies in a mask: for the turn and the zoom of the picture.

const WALL = 2;
const LV = 1;
const RV = 3;

/**
 * box: {centre: [x, y] in voxels, mm: its longer side} of all labels over all slices; centres: of LV and RV, [x, y] in
 * mm, or null where one is missing. Null where the mask is empty.
 */
export function findHeart(labels, [nx, ny], spacing) {
  const box = { low: [Infinity, Infinity], high: [-Infinity, -Infinity] };
  const sums = { [LV]: [0, 0, 0], [WALL]: [0, 0, 0], [RV]: [0, 0, 0] };
  for (let index = 0; index < labels.length; index += 1) {
    if (!labels[index]) continue;
    const at = [index % nx, Math.floor(index / nx) % ny];
    at.forEach((value, axis) => {
      box.low[axis] = Math.min(box.low[axis], value);
      box.high[axis] = Math.max(box.high[axis], value);
      sums[labels[index]][axis] += value;
    });
    sums[labels[index]][2] += 1;
  }
  if (box.low[0] === Infinity) return null;
  const centreOf = ([x, y, count]) => [(x / count) * spacing[0], (y / count) * spacing[1]];
  return {
    centre: [0, 1].map((axis) => (box.low[axis] + box.high[axis]) / 2),
    mm: Math.max(...[0, 1].map((axis) => (box.high[axis] - box.low[axis] + 1) * spacing[axis])),
    centres: sums[LV][2] && sums[RV][2] ? { LV: centreOf(sums[LV]), RV: centreOf(sums[RV]) } : null,
  };
}
