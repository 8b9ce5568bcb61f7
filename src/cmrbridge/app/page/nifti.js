// NIfTI-1 as the server sends it (one frame, 3-D), read into plain arrays, and written again for the viewer.

const HEADER = 352; // bytes before the voxels: 348 of header, four that say that nothing extends it
const KINDS = new Map([
  [2, Uint8Array], [4, Int16Array], [8, Int32Array], [16, Float32Array],
  [64, Float64Array], [256, Int8Array], [512, Uint16Array], [768, Uint32Array],
]);
const UINT8 = 2;
const FLOAT32 = 16;

/** The bytes that a gzip stream holds, as an ArrayBuffer. */
export async function gunzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/**
 * A frame out of a NIfTI-1 file: shape [x, y, z], spacing in mm, axes (a column of the affine for each voxel axis,
 * RAS+), voxels as a Float32Array with slope and intercept applied, x fastest.
 */
export function readNifti(buffer) {
  const view = new DataView(buffer);
  const little = view.getInt32(0, true) === 348;
  if (!little && view.getInt32(0, false) !== 348) throw new Error("the server sent a frame that is not NIfTI-1");
  const shape = [42, 44, 46].map((at) => Math.max(1, view.getInt16(at, little)));
  const spacing = [80, 84, 88].map((at) => Math.abs(view.getFloat32(at, little)) || 1);
  return { shape, spacing, axes: readAxes(view, little), voxels: readVoxels(view, little, shape) };
}

function readVoxels(view, little, shape) {
  const Kind = KINDS.get(view.getInt16(70, little));
  if (!Kind) throw new Error("the server sent a frame whose numbers this page cannot read");
  const start = view.getFloat32(108, little);
  const bytes = view.buffer.slice(start, start + shape.reduce((a, b) => a * b) * Kind.BYTES_PER_ELEMENT);
  if (!little) reverseBytes(new Uint8Array(bytes), Kind.BYTES_PER_ELEMENT);
  const slope = view.getFloat32(112, little) || 1;
  const intercept = view.getFloat32(116, little) || 0;
  const voxels = new Float32Array(new Kind(bytes));
  if (slope !== 1 || intercept) voxels.forEach((stored, index) => (voxels[index] = stored * slope + intercept));
  return voxels;
}

function reverseBytes(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

function readAxes(view, little) {
  const rows = [280, 296, 312].map((row) => [0, 4, 8].map((at) => view.getFloat32(row + at, little)));
  const stated = view.getInt16(254, little) > 0;
  return stated ? transpose(rows) : axesOfQuaternion(view, little);
}

function axesOfQuaternion(view, little) {
  const [b, c, d] = [256, 260, 264].map((at) => view.getFloat32(at, little));
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const flip = view.getFloat32(76, little) < 0 ? -1 : 1;
  return [
    [a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)],
    [2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b)],
    [2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - c * c - b * b].map((value) => flip * value),
  ];
}

const transpose = (rows) => rows[0].map((_, column) => rows.map((row) => row[column]));

/** A NIfTI-1 file of these voxels (Float32Array or Uint8Array); rows: the upper three of the affine, four numbers each. */
export function writeNifti({ shape, spacing, rows, voxels }) {
  const buffer = new ArrayBuffer(HEADER + voxels.byteLength);
  const view = new DataView(buffer);
  const labels = voxels instanceof Uint8Array;
  view.setInt32(0, 348, true);
  [3, ...shape, 1, 1, 1, 1].forEach((size, index) => view.setInt16(40 + 2 * index, size, true));
  view.setInt16(70, labels ? UINT8 : FLOAT32, true);
  view.setInt16(72, labels ? 8 : 32, true);
  [1, ...spacing].forEach((mm, index) => view.setFloat32(76 + 4 * index, mm, true));
  view.setFloat32(108, HEADER, true);
  view.setFloat32(112, 1, true);
  view.setUint8(123, 2); // units: mm
  view.setInt16(254, 1, true); // the affine in rows is meant
  rows.flat().forEach((value, index) => view.setFloat32(280 + 4 * index, value, true));
  [..."n+1"].forEach((letter, index) => view.setUint8(344 + index, letter.charCodeAt(0)));
  new Uint8Array(buffer, HEADER).set(new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength));
  return buffer;
}
