// The keyboard. Arrows and space count while the pictures have the focus, so that the page scrolls as ever elsewhere.

import { byId } from "./dom.js";
import { STRUCTURES } from "./structures.js";

const ARROWS = { ArrowUp: ["slice", -1], ArrowDown: ["slice", 1], ArrowLeft: ["frame", -1], ArrowRight: ["frame", 1] };
const TOGGLES = Object.fromEntries(STRUCTURES.map(({ key }, index) => [index + 1, `show-${key}`]));
const BUTTONS = { d: "set-ed", s: "set-es", ...TOGGLES };

export function listenToKeys({ timeline, display }) {
  byId("pictures").addEventListener("keydown", (event) => {
    if (event.key in ARROWS) timeline.step(...ARROWS[event.key]);
    else if (event.key === " ") timeline.play();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    const elsewhere = event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select");
    if (elsewhere || byId("study").hidden || byId("card").open) return;
    const key = event.key.toLowerCase();
    if (key === "m") display.toggleMask();
    else if (key in BUTTONS) byId(BUTTONS[key]).click();
  });
}
