// What the models in sight found, beside the pictures: tables, curve, warnings, and how far they are.

import { drawCurve } from "./curve.js";
import { byId, make, show } from "./dom.js";
import { resultsTable } from "./results.js";
import { listWarnings } from "./warnings.js";

export const counted = (frames) => `${frames} ${frames === 1 ? "frame" : "frames"}`;

export class Numbers {
  #measured = new Map(); // "model ed es" → the server's answer, null while it is awaited

  /** go(frame): the curve was clicked; changed(): more is known, show it; failed(error). */
  constructor({ go, changed, failed }) {
    Object.assign(this, { go, changed, failed });
  }

  open(study) {
    this.study = study;
    this.#measured.clear();
  }

  /** inSight: [{model, found}], the chosen model first; view: frame, ed, es, chosen. */
  show(inSight, view) {
    byId("phases").textContent = inWords(view, inSight[0].found);
    byId("results").replaceChildren(...inSight.map((one) => resultsTable(one.model, this.#measures(one, view))));
    this.#draw(inSight, view);
    listWarnings(byId("warnings"), inSight, view);
    show(byId("warnings-panel"), byId("warnings").childElementCount > 0);
    sayProgress(inSight, this.study.about.frames);
  }

  #measures({ model, found }, { ed, es }) {
    if (!found.masks[ed] || !found.masks[es]) return null;
    const key = `${model} ${ed} ${es}`;
    if (!this.#measured.has(key)) {
      this.#measured.set(key, null);
      this.#ask(key, model, ed, es).catch(this.failed);
    }
    return this.#measured.get(key);
  }

  async #ask(key, ...question) {
    const { study } = this;
    const measures = await study.measures(...question);
    if (study !== this.study) return;
    this.#measured.set(key, measures);
    this.changed();
  }

  #draw(inSight, view) {
    drawCurve(byId("curve"), {
      series: inSight.map(({ model, found }) => ({ model, ml: found.ml })),
      frames: this.study.about.frames,
      seconds: this.study.about.seconds_per_frame,
      view,
      go: this.go,
    });
    byId("legend").replaceChildren(
      ...["LV", "RV"].flatMap((key) => [make("span", { class: `swatch ${key.toLowerCase()}` }), `${key} `]),
      inSight.length > 1 ? `– solid: ${inSight[0].model}, dashed: ${inSight[1].model}` : "",
    );
  }
}

function inWords({ ed, es, chosen }, found) {
  const why = chosen ? "your choice" : found.finished ? "by LV volume" : "first guess";
  return `ED: frame ${ed + 1}, ES: frame ${es + 1} (${why})`;
}

function sayProgress(inSight, frames) {
  const atWork = inSight.find(({ found }) => !found.finished && !found.failed);
  show(byId("working"), atWork !== undefined);
  if (atWork) {
    byId("working-said").textContent = `Model «${atWork.model}»: ${atWork.found.done} of ${counted(frames)} segmented`;
    Object.assign(byId("working-bar"), { max: frames, value: atWork.found.done });
  }
  const said = inSight.flatMap(({ model, found }) => {
    if (found.failed) return [`${model}: ${found.failed}`];
    return found.finished ? [`${model}: ${counted(frames)} in ${found.finished.seconds.toFixed(1)} s`] : [];
  });
  if (byId("finished").textContent !== said.join(" · ")) byId("finished").textContent = said.join(" · ");
  const failed = inSight.some(({ found }) => found.failed);
  byId("finished").classList.toggle("failed", failed);
  show(byId("retry"), failed);
}
