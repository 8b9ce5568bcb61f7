// Volumes, function and mass of one model, as a table.

import { make } from "./dom.js";

const ROWS = [
  ["EF", "ef_percent", "%", "ejection fraction"],
  ["EDV", "edv_ml", "mL", "volume at end-diastole"],
  ["ESV", "esv_ml", "mL", "volume at end-systole"],
  ["SV", "sv_ml", "mL", "stroke volume"],
];
const CHAMBERS = ["LV", "RV"];

/** measures: the server's answer, or null while it is not known. */
export function resultsTable(model, measures) {
  return make(
    "table",
    { class: "results" },
    make("caption", {}, `Model «${model}»`),
    make("thead", {}, make("tr", {}, make("td"), ...CHAMBERS.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...ROWS.map((row) => chamberRow(row, measures)), massRow(measures)),
  );
}

function chamberRow([short, key, unit, meaning], measures) {
  const words = (name) => said(measures?.[name][key], unit);
  const cells = CHAMBERS.map((name) => make("td", { "data-measure": `${name} ${short}` }, words(name)));
  return make("tr", { class: short === "EF" ? "first" : null }, heading(short, meaning), ...cells);
}

function massRow(measures) {
  const mass = make("td", { "data-measure": "LV mass" }, said(measures?.lv_mass_g, "g"));
  return make("tr", {}, heading("Mass", "of the left ventricle's myocardium at end-diastole"), mass, make("td", {}, "–"));
}

const heading = (short, meaning) => make("th", { scope: "row" }, make("abbr", { title: meaning }, short));

// of one frame alone there is no function: null
function said(value, unit) {
  if (value === undefined) return "…";
  return value === null ? "–" : `${value.toFixed(1)} ${unit}`;
}
