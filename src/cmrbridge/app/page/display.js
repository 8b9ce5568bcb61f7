// How the pictures look: structures, opacity, grey levels, zoom, turn. Changes view and tells `redraw` what changed.

import { byId, make } from "./dom.js";
import { mirrored, tellsPatient, turned, uprightOrientation, withRightVentricleLeft } from "./orientation.js";
import { findHeart } from "./heart.js";
import { STRUCTURES } from "./structures.js";

const OPACITY = 0.4;
const DARK = 0.01; // shares of a frame's voxels that are shown black and white at first
const BRIGHT = 0.995;
const HEART = 0.55; // of the picture's width, once the heart is known

export const plainDisplay = (grid, voxels) => ({
  opacity: OPACITY,
  shown: new Set(STRUCTURES.map(({ key }) => key)),
  window: usualWindow(voxels),
  zoom: 1,
  centre: [(grid.shape[0] - 1) / 2, (grid.shape[1] - 1) / 2],
  orientation: uprightOrientation(grid.axes),
});

function usualWindow(voxels) {
  const sample = voxels.filter((_, index) => index % 17 === 0).sort();
  const at = (share) => sample[Math.floor(share * (sample.length - 1))];
  return [at(DARK), Math.max(at(BRIGHT), at(DARK) + 1e-6)];
}

/** What changes once a mask tells where the heart is: it comes to the middle, its right ventricle to the left. */
export function fitted(view, grid, labels) {
  const heart = findHeart(labels, grid.shape, grid.spacing);
  if (!heart) return {};
  const known = !heart.centres || tellsPatient(grid.axes);
  const field = Math.min(grid.shape[0] * grid.spacing[0], grid.shape[1] * grid.spacing[1]);
  return {
    orientation: known ? view.orientation : withRightVentricleLeft(view.orientation, heart.centres),
    centre: heart.centre,
    zoom: Math.min(4, Math.max(1, (HEART * field) / heart.mm)),
  };
}

export class Display {
  #opacity = OPACITY; // to come back to when the mask is shown again

  /** redraw(...what): repaint; arrange(): lay the pictures anew; reset(): back to how the study was first shown. */
  constructor({ redraw, arrange, reset }) {
    this.redraw = redraw;
    byId("toggles").append(...STRUCTURES.map((one, index) => this.#toggle(one, index)));
    this.#slider("opacity", (value) => ({ opacity: value / 100 }), "opacity");
    this.#slider("level", (value) => ({ window: around(value, this.#width()) }), "window");
    this.#slider("width", (value) => ({ window: around(this.#level(), value) }), "window");
    this.#slider("zoom", (value) => ({ zoom: value }), "zoom");
    for (const [id, change] of [["turn", turned], ["mirror", mirrored]]) {
      byId(id).addEventListener("click", () => {
        this.view.orientation = change(this.view.orientation);
        arrange();
      });
    }
    byId("reset").addEventListener("click", reset);
  }

  #toggle({ key, name }, index) {
    const box = make("input", { type: "checkbox", id: `show-${key}` });
    box.addEventListener("change", () => {
      this.view.shown[box.checked ? "add" : "delete"](key);
      this.redraw("colours");
    });
    return make("label", { title: `key ${index + 1}` }, box, make("span", { class: `swatch ${key.toLowerCase()}` }), name);
  }

  #slider(id, change, what) {
    byId(id).addEventListener("input", () => {
      Object.assign(this.view, change(byId(id).valueAsNumber));
      this.say();
      this.redraw(what);
    });
  }

  #level = () => (this.view.window[0] + this.view.window[1]) / 2;
  #width = () => this.view.window[1] - this.view.window[0];

  open(view) {
    this.view = view;
    const [low, high] = view.window;
    const step = (high - low) / 200;
    Object.assign(byId("level"), { min: low, max: 2 * high - low, step });
    Object.assign(byId("width"), { min: step, max: 2 * (high - low), step });
    this.say();
  }

  /** Mask off, or back to the opacity that it had. */
  toggleMask() {
    if (this.view.opacity) this.#opacity = this.view.opacity;
    this.view.opacity = this.view.opacity ? 0 : this.#opacity;
    this.say();
    this.redraw("opacity");
  }

  say() {
    const { opacity, zoom, shown } = this.view;
    const said = {
      opacity: [opacity * 100, `${Math.round(opacity * 100)} %`],
      level: [this.#level(), short(this.#level())],
      width: [this.#width(), short(this.#width())],
      zoom: [zoom, `${zoom.toFixed(1)} ×`],
    };
    for (const [id, [value, words]] of Object.entries(said)) {
      byId(id).value = value;
      byId(`${id}-said`).textContent = words;
    }
    for (const { key } of STRUCTURES) byId(`show-${key}`).checked = shown.has(key);
  }
}

const around = (level, width) => [level - width / 2, level + width / 2];
const short = (value) => String(Number(value.toPrecision(3)));
