// Volumes over the frames, drawn as SVG: a line per chamber and model, ED and ES marked, a click goes to a frame.

import { draw } from "./dom.js";

const SIZE = { width: 340, height: 170, left: 40, right: 10, top: 18, bottom: 34 };
const CHAMBERS = ["LV", "RV"];

/**
 * series: [{model, ml: by frame, {LV, RV} or undefined}]; view: frame, ed, es; seconds: between frames, or null.
 * go(frame) is called on a click.
 */
export function drawCurve(svg, { series, frames, seconds, view, go }) {
  const top = niceTop(Math.max(1, ...series.flatMap(({ ml }) => ml.flatMap((one) => CHAMBERS.map((key) => one[key])))));
  const x = (frame) => SIZE.left + (frame / Math.max(1, frames - 1)) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (ml) => SIZE.height - SIZE.bottom - (ml / top) * (SIZE.height - SIZE.top - SIZE.bottom);
  svg.setAttribute("viewBox", `0 0 ${SIZE.width} ${SIZE.height}`);
  svg.replaceChildren(
    ...rulers(y, top),
    ...marks(view).flatMap(([name, frame]) => mark(name, x(frame))),
    draw("line", { class: "now", x1: x(view.frame), x2: x(view.frame), y1: SIZE.top, y2: SIZE.height - SIZE.bottom }),
    ...series.flatMap(({ ml }, index) => CHAMBERS.flatMap((key) => line(ml, key, index, x, y))),
    ...timeAxis(frames, seconds, x),
  );
  svg.setAttribute("aria-label", inWords(series, view));
  svg.onclick = (event) => go(frameAt(svg, event, frames));
}

function niceTop(value) {
  const step = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((one) => one * step).find((one) => one >= value);
}

function rulers(y, top) {
  return [0, top / 2, top].flatMap((ml) => [
    draw("line", { class: "ruler", x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(ml), y2: y(ml) }),
    draw("text", { x: SIZE.left - 6, y: y(ml) + 4, "text-anchor": "end" }, String(ml)),
  ]);
}

const marks = ({ ed, es }) => (ed === es ? [["ED, ES", ed]] : [["ED", ed], ["ES", es]]);

function mark(name, x) {
  return [
    draw("line", { class: "mark", x1: x, x2: x, y1: SIZE.top, y2: SIZE.height - SIZE.bottom }),
    draw("text", { class: "name", x, y: SIZE.top - 6, "text-anchor": "middle" }, name),
  ];
}

function line(ml, key, index, x, y) {
  const points = ml.flatMap((one, frame) => (one ? [[x(frame), y(one[key])]] : []));
  const style = `${key.toLowerCase()} model-${index}`;
  return [
    draw("polyline", { class: style, points: points.map((point) => point.join()).join(" ") }),
    ...points.map(([cx, cy]) => draw("circle", { class: style, cx, cy, r: 2.5 })),
  ];
}

function timeAxis(frames, seconds, x) {
  const label = (frame) => (seconds ? `${Math.round(frame * seconds * 1000)} ms` : `frame ${frame + 1}`);
  const places = [...new Set([0, ...(frames > 2 ? [Math.floor((frames - 1) / 2)] : []), frames - 1])];
  const anchor = (frame) => (frame === 0 ? "start" : frame === frames - 1 ? "end" : "middle");
  return places.map((frame) =>
    draw("text", { x: x(frame), y: SIZE.height - 12, "text-anchor": anchor(frame) }, label(frame)),
  );
}

function inWords(series, view) {
  const of = ({ model, ml }) =>
    ["ed", "es"].map((phase) => `${model}: LV ${ml[view[phase]]?.LV.toFixed(1) ?? "unknown"} mL at ${phase.toUpperCase()}`);
  return `Volume over the frames. ${series.flatMap(of).join(", ")}.`;
}

function frameAt(svg, event, frames) {
  const box = svg.getBoundingClientRect();
  const across = ((event.clientX - box.left) / box.width) * SIZE.width;
  const share = (across - SIZE.left) / (SIZE.width - SIZE.left - SIZE.right);
  return Math.min(frames - 1, Math.max(0, Math.round(share * (frames - 1))));
}
