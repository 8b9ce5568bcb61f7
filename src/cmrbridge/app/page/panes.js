// Pictures side by side, all of the same slice and frame. What is in each is a list: of comparisons.js.

import { Told } from "./api.js";
import { make, show } from "./dom.js";
import { edgeLetters } from "./orientation.js";
import { STRUCTURES, coloursOf } from "./structures.js";

/** The pictures in `container`. view: what all of them show (app.js makes it and changes it). */
export class Panes {
  #panes = [];
  #count = 0; // of them that are in sight
  #waiting = new Set();
  #ready = Promise.resolve();

  constructor(container) {
    this.container = container;
  }

  /** Show a study as `list` says. Pictures that are there already are used again. */
  arrange(study, view, list) {
    const arranged = this.#ready.then(() => this.#arrange(study, view, list));
    this.#ready = arranged.catch(() => this.#removeAll()); // who asked is told; without pictures the numbers go on
    return arranged;
  }

  #removeAll() {
    this.#panes.splice(0).forEach((pane) => pane.figure.remove());
  }

  async #arrange(study, view, list) {
    this.study = study;
    this.view = view;
    while (this.#panes.length < list.length) this.#panes.push(await Pane.into(this.container));
    this.#panes.forEach((pane, index) => show(pane.figure, index < list.length)); // contexts of WebGL are few: kept
    this.container.dataset.count = list.length;
    this.#count = list.length;
    for (const [index, pane] of this.#inSight().entries()) await pane.open(study, view, list[index]);
  }

  /** Redraw `what` ("frame", "slice", "window", "colours", "opacity", "zoom") at the next repaint, once. */
  redraw(...what) {
    if (!this.#waiting.size) requestAnimationFrame(() => this.#flush());
    what.forEach((one) => this.#waiting.add(one));
  }

  #inSight = () => this.#panes.slice(0, this.#count);

  async #flush() {
    await this.#ready;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const pane of this.#inSight()) waiting.forEach((what) => pane[what](this.study, this.view));
  }
}

/** A frame in the look of a model's images; black until it has come, lest the original be taken for it. */
const redrawn = (study, look, frame) =>
  study.translated.get(look)?.[frame] ?? new Float32Array(study.frames[study.about.ed].length).fill(-1e9);

class Pane {
  static async into(container) {
    const pane = new Pane();
    const { Viewer } = await import("./viewer.js"); // the largest file: only now, when there is something to show
    pane.caption = make("figcaption");
    pane.canvas = make("canvas", { role: "img" });
    pane.edges = make("div", { "aria-hidden": "true" });
    const picture = make("div", { class: "picture" }, pane.canvas);
    pane.figure = make("figure", {}, pane.caption, make("div", { class: "frame" }, picture, pane.edges));
    container.append(pane.figure);
    pane.viewer = new Viewer();
    try {
      await pane.viewer.attach(pane.canvas);
    } catch (error) {
      pane.figure.remove();
      throw new Told(`this browser cannot show images, it lacks WebGL 2 (${error.message}); try another one`);
    }
    return pane;
  }

  async open(study, view, { title, model, look }) {
    Object.assign(this, { model, look });
    this.caption.textContent = title;
    const { shape, spacing } = study.grid;
    const { orientation } = view;
    await this.viewer.open({ shape, spacing, orientation, ...this.#content(study, view), colours: coloursOf(view.shown) });
    this.counts = this.viewer.count();
    this.#label(edgeLetters(study.grid.axes, orientation));
    for (const what of ["window", "opacity", "zoom", "slice"]) this[what](study, view);
  }

  #content(study, view) {
    const { ed } = study.about;
    return {
      voxels: this.look ? redrawn(study, this.look, view.frame) : (study.frames[view.frame] ?? study.frames[ed]),
      labels: study.found.get(this.model)?.masks[view.frame] ?? null,
    };
  }

  frame(study, view) {
    const { voxels, labels } = this.#content(study, view);
    this.viewer.show(voxels, labels);
    this.counts = this.viewer.count();
    this.#describe(view);
  }

  slice(study, view) {
    this.viewer.setSlice(view.slice);
    this.#describe(view);
  }

  window(study, view) {
    this.viewer.setWindow(...view.window);
  }

  colours(study, view) {
    this.viewer.setColours(coloursOf(view.shown));
  }

  opacity(study, view) {
    this.viewer.setOpacity(view.opacity);
  }

  zoom(study, view) {
    this.viewer.setZoom(view.zoom, view.centre);
  }

  /** Which side of the patient each edge is, where the file tells. */
  #label(letters) {
    this.edges.replaceChildren(
      ...Object.entries(letters).map(([edge, text]) => make("span", { class: `edge ${edge}` }, text)),
    );
  }

  /** What the picture shows, for those who do not see it: voxels as the viewer holds them. */
  #describe(view) {
    const found = STRUCTURES.map(({ key, value }) => `${key} ${this.counts[value]}`).join(", ");
    const where = `${this.caption.textContent}: slice ${view.slice + 1}, frame ${view.frame + 1}`;
    this.canvas.setAttribute("aria-label", `${where}. Voxels outlined in this frame: ${found}.`);
  }
}
