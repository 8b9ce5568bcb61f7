// What is outlined. Colours as in the figures of a study: told apart by the colour-blind too (Okabe & Ito).

export const STRUCTURES = [
  { key: "LV", value: 1, name: "Left ventricle", colour: [213, 94, 0] },
  { key: "MYO", value: 2, name: "Myocardium", colour: [240, 228, 66] },
  { key: "RV", value: 3, name: "Right ventricle", colour: [0, 114, 178] },
];
export const NAMES = Object.fromEntries(STRUCTURES.map(({ value, key }) => [value, key]));

/** {label value: colour} of the structures whose keys are in shown (a Set). */
export const coloursOf = (shown) =>
  Object.fromEntries(STRUCTURES.filter(({ key }) => shown.has(key)).map(({ value, colour }) => [value, colour]));
