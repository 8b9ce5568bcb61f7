// Where in the study one is: slice and frame by slider, wheel, key and button; playing; which frames are ED and ES.

import { byId, show } from "./dom.js";

const FASTEST_MS = 40;

/** view: slice, frame, ed, es (counted from 0). moved(what) after a change of "slice" or "frame", chosen() of ED, ES. */
export class Timeline {
  #timer = null;

  constructor({ moved, chosen, proposed }) {
    this.moved = moved;
    byId("slice").addEventListener("input", () => this.go("slice", byId("slice").valueAsNumber - 1));
    byId("frame").addEventListener("input", () => this.go("frame", byId("frame").valueAsNumber - 1));
    byId("play").addEventListener("click", () => this.play());
    byId("propose").addEventListener("click", proposed);
    for (const phase of ["ed", "es"]) {
      byId(`go-${phase}`).addEventListener("click", () => this.go("frame", this.view[phase]));
      byId(`set-${phase}`).addEventListener("click", () => chosen(phase));
    }
    byId("pictures").addEventListener("wheel", (event) => {
      event.preventDefault();
      this.step("slice", Math.sign(event.deltaY));
    }, { passive: false });
  }

  open(study, view) {
    this.stop();
    this.study = study;
    this.view = view;
    byId("slice").max = study.about.slices;
    byId("frame").max = study.about.frames;
    byId("play").disabled = study.about.frames < 2;
    this.say();
  }

  go(what, number) {
    const last = this.study.about[`${what}s`] - 1;
    this.view[what] = Math.min(last, Math.max(0, number));
    this.say();
    this.moved(what);
  }

  step(what, by) {
    this.go(what, this.view[what] + by);
  }

  /** Start or stop. The film runs round, and waits at a frame that has not arrived yet. */
  play() {
    if (this.#timer) return this.stop();
    const pause = Math.max(FASTEST_MS, (this.study.about.seconds_per_frame ?? 0.06) * 1000);
    this.#timer = setInterval(() => this.#next(), pause);
    this.#sayPlaying(true);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#sayPlaying(false);
  }

  #next() {
    const next = (this.view.frame + 1) % this.study.about.frames;
    if (this.study.frames[next]) this.go("frame", next);
  }

  #sayPlaying(playing) {
    byId("play").textContent = playing ? "Stop" : "Play";
    byId("play").setAttribute("aria-pressed", playing);
  }

  say() {
    const { slice, frame, ed, es } = this.view;
    const { slices, frames } = this.study.about;
    const phase = [frame === ed && "ED", frame === es && "ES"].filter(Boolean).join(" ");
    byId("slice").value = slice + 1;
    byId("slice-said").textContent = `${slice + 1} of ${slices}`;
    byId("frame").value = frame + 1;
    byId("frame-said").textContent = `${frame + 1} of ${frames} ${phase}`;
    byId("set-ed").disabled = frame === ed;
    byId("set-es").disabled = frame === es;
    show(byId("propose"), this.view.chosen);
  }
}
