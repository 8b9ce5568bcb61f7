// What to be careful about: images unlike those that the model was trained on, and masks that are no possible heart.

import { make } from "./dom.js";

/** Replace what is in `list` by the warnings of these models. shown: [{model, found}]; view: frame, ed, es. */
export function listWarnings(list, shown, view) {
  list.replaceChildren(...shown.flatMap(({ model, found }) => [...unlike(model, found), ...odd(model, found, view)]));
}

function unlike(model, { unlike: told }) {
  return told?.warn ? [warning("Unlike the training images", `${model}: ${told.words}`)] : [];
}

function odd(model, { odd: told }, view) {
  const important = [...new Set([view.ed, view.es, view.frame])].filter((frame) => told[frame]?.length);
  const names = { [view.es]: " (ES)", [view.ed]: " (ED)" };
  const items = important.map((frame) => lookAt(`${model}: frame ${frame + 1}${names[frame] ?? ""}`, told[frame]));
  const others = told.flatMap((words, frame) => (words.length && !important.includes(frame) ? [frame + 1] : []));
  if (others.length) items.push(warning("Masks to look at", `${model}: frames ${others.join(", ")}`));
  return items;
}

/** One fault in a line; several behind their number. */
function lookAt(where, faults) {
  if (faults.length === 1) return warning("Mask to look at", `${where}, ${faults[0]}`);
  const summary = make("summary", {}, make("strong", {}, "Mask to look at"), ` ${where}, ${faults.length} places`);
  return make("li", {}, make("details", {}, summary, make("ul", {}, ...faults.map((fault) => make("li", {}, fault)))));
}

const warning = (title, words) => make("li", {}, make("strong", {}, title), ` ${words}`);
