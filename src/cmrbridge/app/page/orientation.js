// Which way round a slice is shown. An orientation is a signed permutation [[a, b], [c, d]]: a step along the file's
// first in-plane axis goes a to the right and c down on the screen, along its second b to the right and d down.

const RIGHT = [-1, -0.5, 0]; // in RAS+: the patient's left, and the back, lie to the right of a short-axis picture
const DOWN = [0, -0.5, -1]; // the diaphragm and the back lie below

const ALL = [1, -1].flatMap((s) => [1, -1].flatMap((t) => [[[s, 0], [0, t]], [[0, s], [t, 0]]]));

const dot = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0);
const unit = (a) => a.map((value) => value / (Math.hypot(...a) || 1));

/** The orientation that comes closest to how short-axis slices are read; axes: columns of the affine, RAS+. */
export function uprightOrientation(axes) {
  const [first, second] = axes.map(unit);
  const merit = ([[a, b], [c, d]]) =>
    a * dot(first, RIGHT) + b * dot(second, RIGHT) + c * dot(first, DOWN) + d * dot(second, DOWN);
  return ALL.reduce((best, one) => (merit(one) > merit(best) + 1e-6 ? one : best));
}

/** A quarter turn clockwise. */
export const turned = ([[a, b], [c, d]]) => [[-c, -d], [a, b]];

/** Left and right exchanged. */
export const mirrored = ([[a, b], [c, d]]) => [[-a, -b], [c, d]];

/**
 * Whether the axes tell how the patient lay. A short axis never runs along the scanner's axes: where the file says so,
 * its true axes were lost on the way.
 */
export const tellsPatient = (axes) => axes.map(unit).some((axis) => Math.max(...axis.map(Math.abs)) < 0.999);

/**
 * Turned by quarters until the right ventricle is left of the left one. A mask cannot tell a mirror image, so none is
 * made. centres: {LV: [x, y], RV: [x, y]} in mm along the file's axes.
 */
export function withRightVentricleLeft(orientation, centres) {
  const step = [centres.RV[0] - centres.LV[0], centres.RV[1] - centres.LV[1]];
  let best = orientation;
  for (let one = turned(orientation); one.flat().join() !== orientation.flat().join(); one = turned(one)) {
    if (dot(one[0], step) < dot(best[0], step)) best = one;
  }
  return dot(orientation[0], step) < -0.5 * Math.hypot(...step) ? orientation : best;
}

const LETTERS = [["R", "L"], ["A", "P"], ["S", "I"]]; // along each axis of RAS+, and against it
const NAMED = 0.4; // least share of a direction that is named

/** What lies at each edge of the screen, {left: "RA", …}; nothing where the axes do not tell. */
export function edgeLetters(axes, [[a, b], [c, d]]) {
  if (!tellsPatient(axes)) return {};
  const [first, second] = axes.map(unit);
  const named = (s, t) =>
    first
      .map((value, axis) => [s * value + t * second[axis], LETTERS[axis]])
      .filter(([share]) => Math.abs(share) > NAMED)
      .sort(([one], [other]) => Math.abs(other) - Math.abs(one))
      .map(([share, [along, against]]) => (share > 0 ? along : against))
      .join("");
  return { left: named(-a, -b), right: named(a, b), top: named(-c, -d), bottom: named(c, d) };
}

/** Upper rows of the affine that makes the viewer's axial plane the acquisition plane, shown in this orientation. */
export function displayRows([[a, b], [c, d]], shape, spacing) {
  const [x, y, z] = spacing;
  const rows = [[a * x, b * y, 0], [-c * x, -d * y, 0], [0, 0, z]]; // the viewer's second axis points up
  return rows.map((row) => [...row, -row.reduce((sum, step, axis) => sum + (step * (shape[axis] - 1)) / 2, 0)]);
}
