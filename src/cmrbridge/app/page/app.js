// The page: opens a study, and keeps pictures, sliders, numbers and warnings in step with it.

import { Told, call } from "./api.js";
import { showCard } from "./card.js";
import { comparisons } from "./comparisons.js";
import { Display, fitted, plainDisplay } from "./display.js";
import { byId, make, show } from "./dom.js";
import { allowDownloads, offerDownloads } from "./downloads.js";
import { takeFiles } from "./intake.js";
import { listenToKeys } from "./keys.js";
import { Numbers, counted } from "./numbers.js";
import { Panes } from "./panes.js";
import { Study } from "./study.js";
import { Timeline } from "./timeline.js";

class App {
  study = null;
  view = null;
  #opening = false;

  constructor({ models, limits }) {
    this.models = models;
    this.limits = limits;
    this.panes = new Panes(byId("pictures"));
    this.timeline = new Timeline({
      moved: (what) => this.#moved(what),
      chosen: (phase) => this.#choose({ [phase]: this.view.frame, chosen: true }),
      proposed: () => this.#choose({ ...this.#proposal(), chosen: false }),
    });
    this.display = new Display({
      redraw: (...what) => this.panes.redraw(...what),
      arrange: () => this.#arrange(),
      reset: () => this.#resetDisplay(),
    });
    this.numbers = new Numbers({
      go: (frame) => this.timeline.go("frame", frame),
      changed: () => this.#report(),
      failed: tell,
    });
    listenToKeys(this);
    offerDownloads({ fetchFile: (file) => this.#download(file), failed: tell });
    byId("again").addEventListener("click", () => this.close());
    byId("model").append(...models.map(({ name }) => make("option", {}, name)));
    byId("model").addEventListener("change", () => this.#chooseModel());
    byId("beside").addEventListener("change", () => this.#compare());
    byId("show-card").addEventListener("click", () => showCard(this.#model()));
    byId("retry").addEventListener("click", () => this.#retry());
    addEventListener("pagehide", () => this.study?.close());
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload()); // back again: the study is closed
  }

  /** Send a body (or ask for the sample), and show what the server makes of it. */
  async open(name, route, { body = null, size = 0 } = {}) {
    if (this.#opening) return;
    this.#opening = true;
    show(byId("error"), false);
    this.close();
    byId("reading").textContent = `Reading ${name} …`;
    try {
      if (size > this.limits.bytes) throw new Told(tooLarge(name, size, this.limits.bytes));
      const about = await (await call(route, { method: "POST", body })).json();
      await this.#begin(new Study(about, name));
    } catch (error) {
      this.close();
      tell(error);
    } finally {
      byId("reading").textContent = "";
      this.#opening = false;
    }
  }

  async #begin(study) {
    this.study = study;
    this.numbers.open(study);
    await study.begin();
    const { ed, es, slices } = study.about;
    this.view = { frame: ed, slice: Math.floor(slices / 2), ed, es, chosen: false };
    this.#plainDisplay();
    const still = (react) => (event) => study === this.study && react(event); // and not closed in the meantime
    study.addEventListener("frame", still(({ detail }) => detail === this.view.frame && this.panes.redraw("frame")));
    study.addEventListener("segmented", still(() => this.#segmented()));
    this.#describe();
    show(byId("start"), false);
    show(byId("study"), true);
    show(byId("again"), true);
    this.timeline.open(study, this.view);
    this.#chooseModel();
    await this.#arrange();
    byId("pictures").focus({ preventScroll: true });
    study.load().catch((error) => study === this.study && tell(error));
  }

  close() {
    this.study?.close();
    this.study = null;
    this.timeline.stop();
    show(byId("start"), true);
    show(byId("study"), false);
    show(byId("again"), false);
  }

  #describe() {
    const { about, name } = this.study;
    const [x, y] = about.shape;
    const mm = about.spacing.map((one) => one.toFixed(2));
    const { vendor, scanner, field_strength_t: field } = about.source ?? {};
    const facts = [
      `${x} × ${y} pixels of ${mm[0]} × ${mm[1]} mm`,
      `${about.slices} slices every ${mm[2]} mm`,
      counted(about.frames),
      [vendor, scanner, field && `${field} T`].filter(Boolean).join(", "),
      ...about.notes,
    ];
    byId("study-name").textContent = name;
    byId("study-facts").textContent = facts.filter(Boolean).join(" · ");
  }

  // pictures

  #pictures() {
    return comparisons(byId("model").value, this.models)[byId("beside").selectedIndex].pictures;
  }

  /** The models in sight, the chosen one first, and what they found. */
  #inSight() {
    const inPictures = this.#pictures().map(({ model }) => model);
    const names = new Set([byId("model").value, ...inPictures.filter(Boolean)]);
    return [...names].map((model) => ({ model, found: this.study.segment(model) }));
  }

  #arrange() {
    return this.panes.arrange(this.study, this.view, this.#pictures()).catch(tell);
  }

  #plainDisplay() {
    Object.assign(this.view, plainDisplay(this.study.grid, this.study.frames[this.study.about.ed]), { fitted: false });
    this.display.open(this.view);
  }

  #resetDisplay() {
    this.#plainDisplay();
    this.#fit();
    this.#arrange();
  }

  /** Turn and zoom to the heart as soon as a mask tells where it is; once, so that the reader's own choice stays. */
  #fit() {
    const masks = this.#inSight().flatMap(({ found }) => found.masks.filter(Boolean));
    if (this.view.fitted || !masks.length) return;
    const before = this.view.orientation;
    Object.assign(this.view, fitted(this.view, this.study.grid, masks[0]), { fitted: true });
    this.display.say();
    if (before.flat().join() !== this.view.orientation.flat().join()) this.#arrange();
    this.panes.redraw("zoom");
  }

  #moved(what) {
    this.panes.redraw(what);
    if (what !== "frame") return;
    this.#showTranslated();
    this.#report();
  }

  // models

  #model = () => this.models.find(({ name }) => name === byId("model").value);

  #chooseModel() {
    const { name, trained_on: trainedOn, architecture, validation_dice: dice } = this.#model();
    const { selectedIndex } = byId("beside");
    byId("beside").replaceChildren(...comparisons(name, this.models).map(({ words }) => make("option", {}, words)));
    byId("beside").selectedIndex = Math.max(0, selectedIndex);
    byId("model-said").textContent =
      `${architecture}, trained on ${trainedOn}; Dice ${dice.toFixed(3)} on its validation cases`;
    this.#compare();
  }

  #compare() {
    if (this.panes.study === this.study) this.#arrange();
    this.#segmented();
  }

  #retry() {
    for (const { model, found } of this.#inSight()) if (found.failed) this.study.again(model);
    this.#segmented();
  }

  #showTranslated() {
    for (const { look } of this.#pictures()) if (look) this.study.translate(look, this.view.frame).catch(tell);
  }

  /** More is known: from a model that is at work, or because another one was chosen. */
  #segmented() {
    if (!this.view.chosen) Object.assign(this.view, this.#proposal());
    this.#fit();
    this.panes.redraw("frame");
    this.#showTranslated();
    this.#report();
  }

  // end-diastole and end-systole

  /** By the chosen model's volumes once it has seen all frames, before that the server's guess from the images. */
  #proposal() {
    const { ed, es } = this.study.segment(byId("model").value).finished ?? this.study.about;
    return { ed, es };
  }

  #choose(change) {
    Object.assign(this.view, change);
    this.#report();
  }

  #report() {
    this.timeline.say();
    const inSight = this.#inSight();
    this.numbers.show(inSight, this.view);
    allowDownloads(inSight[0].found.finished !== null);
  }

  #download(file) {
    return this.study.download(file, byId("model").value, this.view.ed, this.view.es);
  }
}

/** Say what went wrong; an error that is not meant for the reader is one of ours and goes to the console too. */
function tell(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Told)) console.error(error);
  byId("error-text").textContent = error instanceof Told ? error.message : `the page failed: ${error.message}; reload it`;
  show(byId("error"), true);
}

function tooLarge(name, size, limit) {
  const mib = (bytes) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return `${name} has ${mib(size)}, more than the ${mib(limit)} that can be opened; drop the short-axis series alone`;
}

byId("error-close").addEventListener("click", () => show(byId("error"), false));

const app = call("models").then((answer) => answer.json()).then((answer) => new App(answer)).catch(tell);
takeFiles(async (name, body, size) => (await app)?.open(name, "cases", { body, size })); // dropped before that, it waits
byId("sample").addEventListener("click", async () => (await app)?.open("Sample study", "sample"));
