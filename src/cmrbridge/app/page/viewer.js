// The adapter of NiiVue, and the only module that knows it: one canvas that shows a slice of a frame under a mask.

import { NVImage, Niivue, SLICE_TYPE } from "./vendor/niivue.js.gz";
import { writeNifti } from "./nifti.js";
import { displayRows } from "./orientation.js";

const OPTIONS = {
  logLevel: "error",
  loadingText: "",
  backColor: [0, 0, 0, 1],
  crosshairWidth: 0,
  isOrientationTextVisible: false, // it would name axes of the display, not of the patient
  isRadiologicalConvention: false,
  isSliceMM: true, // positions in mm from the middle of the stack
  interactive: false, // keys, wheel and pointer are ours, so that linked panes stay together
  dragAndDropEnabled: false,
  sliceType: SLICE_TYPE.AXIAL,
};

/** One picture. Voxels: Float32Array of a frame; labels: Uint8Array or null for none; both x fastest. */
export class Viewer {
  #niivue = new Niivue(OPTIONS);
  #grid = null;

  async attach(canvas) {
    await this.#niivue.attachToCanvas(canvas);
  }

  /** Begin with a case: what it shows first, how its grid lies on the screen. */
  async open({ shape, spacing, voxels, labels, orientation, colours }) {
    this.close();
    this.#grid = { shape, spacing, rows: displayRows(orientation, shape, spacing) };
    const image = await NVImage.new(writeNifti({ ...this.#grid, voxels }), "image.nii");
    const mask = await NVImage.new(writeNifti({ ...this.#grid, voxels: labels ?? empty(shape) }), "mask.nii");
    mask.setColormapLabel(colormap(colours));
    this.#niivue.addVolume(image);
    this.#niivue.addVolume(mask);
    this.#niivue.setSliceType(SLICE_TYPE.AXIAL);
  }

  close() {
    for (const volume of [...this.#niivue.volumes]) this.#niivue.removeVolume(volume);
  }

  show(voxels, labels) {
    const [image, mask] = this.#niivue.volumes;
    image.img = voxels;
    mask.img = labels ?? new Uint8Array(voxels.length);
    this.#niivue.updateGLVolume();
  }

  setSlice(index) {
    this.#niivue.scene.crosshairPos = [0.5, 0.5, (index + 0.5) / this.#grid.shape[2]];
    this.#niivue.drawScene();
  }

  /** low, high: the intensities shown black and white. */
  setWindow(low, high) {
    const [image] = this.#niivue.volumes;
    image.cal_min = low;
    image.cal_max = high;
    this.#niivue.updateGLVolume();
  }

  /** factor: against the whole slice; centre: the voxel [x, y] that comes to the middle. */
  setZoom(factor, [x, y]) {
    const [across, up] = this.#grid.rows.map(([a, b, , origin]) => a * x + b * y + origin);
    this.#niivue.setPan2Dxyzmm([-across * factor, -up * factor, 0, factor]);
  }

  setOpacity(share) {
    this.#niivue.setOpacity(1, share);
  }

  /** colours: {label value: [red, green, blue]} of the structures that are shown. */
  setColours(colours) {
    this.#niivue.volumes[1].setColormapLabel(colormap(colours));
    this.#niivue.updateGLVolume();
  }

  /** Voxels of each label value, 0 to 3, in the mask that the viewer holds. */
  count() {
    const counts = [0, 0, 0, 0];
    for (const value of this.#niivue.volumes[1].img) counts[value] += 1;
    return counts;
  }
}

const empty = (shape) => new Uint8Array(shape.reduce((a, b) => a * b));

/** NiiVue's table of labels: background and everything that is hidden are transparent. */
function colormap(colours) {
  const values = [0, 1, 2, 3];
  const channel = (index) => values.map((value) => colours[value]?.[index] ?? 0);
  return { R: channel(0), G: channel(1), B: channel(2), A: values.map((value) => (colours[value] ? 255 : 0)), I: values };
}
