// One open study: its frames as they arrive, and what each model makes of them.

import { Told, call, objects } from "./api.js";
import { gunzip, readNifti } from "./nifti.js";

/** What one model found. masks, ml, odd: by frame; unlike: how far the images are from those it was trained on. */
const nothingYet = () => ({ masks: [], ml: [], odd: [], unlike: null, done: 0, finished: null, failed: null });

/** about: the server's answer to the upload. Fires "frame" and "segmented", whose detail says which frame or model. */
export class Study extends EventTarget {
  #closing = new AbortController();
  #asked = new Map();
  #queue = Promise.resolve();

  constructor(about, name) {
    super();
    this.about = about;
    this.name = name;
    this.frames = []; // Float32Array of each frame that has arrived
    this.found = new Map(); // model → nothingYet() and then more
    this.translated = new Map(); // model → frames like those above, as its translator redraws them
  }

  /** The grid of the frames, known with the first one: shape, spacing, axes. */
  async begin() {
    this.grid = await this.#fetch(this.about.ed);
  }

  /** All frames: end-diastole, end-systole, and the others as they come. */
  async load() {
    const { ed, es, frames } = this.about;
    for (const number of new Set([ed, es, ...Array(frames).keys()])) await this.#fetch(number);
  }

  #fetch(number) {
    if (!this.#asked.has(number)) this.#asked.set(number, this.#read(number));
    return this.#asked.get(number);
  }

  async #read(number) {
    const response = await this.#call(`frames/${number}.nii.gz`);
    const { voxels, ...grid } = readNifti(await gunzip(await response.arrayBuffer()));
    this.frames[number] = voxels;
    this.dispatchEvent(new CustomEvent("frame", { detail: number }));
    return grid;
  }

  /** A frame as the model's translator redraws it; fires "frame" when it has come. */
  async translate(model, number) {
    if (!this.translated.has(model)) this.translated.set(model, []);
    const frames = this.translated.get(model);
    if (frames[number] !== undefined) return;
    frames[number] = null; // asked for
    try {
      const response = await this.#call(`translated/${number}.nii.gz?${new URLSearchParams({ model })}`);
      frames[number] = readNifti(await gunzip(await response.arrayBuffer())).voxels;
    } catch (error) {
      frames[number] = undefined; // may be asked for again
      throw error;
    }
    this.dispatchEvent(new CustomEvent("frame", { detail: number }));
  }

  /** What the model has found so far; segments the study with it unless that was asked for before. */
  segment(model) {
    if (!this.found.has(model)) {
      const found = nothingYet();
      this.found.set(model, found);
      this.#queue = this.#queue.then(() => this.#segment(model, found)); // one model after the other
    }
    return this.found.get(model);
  }

  /** Once more, after a failure; what was segmented before is told again and not done again. */
  again(model) {
    this.found.delete(model);
    return this.segment(model);
  }

  async #segment(model, found) {
    try {
      const response = await this.#call(`segment?${new URLSearchParams({ model })}`, "POST");
      for await (const told of objects(response)) {
        await keep(told, found);
        this.dispatchEvent(new CustomEvent("segmented", { detail: model }));
      }
      if (!found.finished) throw new Told("the segmentation ended too early; open the study again");
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      found.failed = error instanceof Told ? error.message : "the segmentation stopped; open the study again";
      this.dispatchEvent(new CustomEvent("segmented", { detail: model }));
    }
  }

  /** Volumes, function and mass between two frames. */
  async measures(model, ed, es) {
    return (await this.#call(`measures?${new URLSearchParams({ model, ed, es })}`)).json();
  }

  /** A file to keep: [Blob, name]. */
  async download(file, model, ed, es) {
    const response = await this.#call(`download/${file}?${new URLSearchParams({ model, ed, es })}`);
    return [await response.blob(), file];
  }

  #call(what, method = "GET") {
    return call(`cases/${this.about.case}/${what}`, { method, signal: this.#closing.signal });
  }

  /** Stop all that is under way and have the server forget the study. */
  close() {
    this.#closing.abort();
    call(`cases/${this.about.case}`, { method: "DELETE", keepalive: true }).catch(() => {}); // it goes by itself when idle
  }
}

async function keep(told, found) {
  if (told.error) throw new Told(told.error);
  if (told.unlike) found.unlike = told.unlike;
  if (told.progress) found.done = told.progress;
  if (told.done) found.finished = told;
  if (told.frame === undefined) return;
  const packed = Uint8Array.from(atob(told.mask), (letter) => letter.charCodeAt(0));
  found.masks[told.frame] = new Uint8Array(await gunzip(packed));
  found.ml[told.frame] = told.ml;
  found.odd[told.frame] = told.odd;
}
