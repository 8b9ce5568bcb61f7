// A model's card in a dialog. Of Markdown it knows headings, paragraphs, lists, tables, **bold** and `code`.

import { byId, make } from "./dom.js";

export function showCard(model) {
  byId("card-text").replaceChildren(...blocksOf(model.card));
  byId("card").showModal();
  byId("card-text").scrollTop = 0; // not where the last card was left
}

/** The elements of a Markdown text. Whatever is no Markdown of this kind stays as it is written. */
export function blocksOf(markdown) {
  const lines = markdown.replace(/^---\n[\s\S]*?\n---\n/, "").split("\n");
  const blocks = [];
  while (lines.length) {
    const kind = KINDS.find(({ starts }) => starts.test(lines[0]));
    const taken = [lines.shift()];
    while (lines.length && kind.goesOn?.test(lines[0])) taken.push(lines.shift());
    blocks.push(...kind.made(taken));
  }
  return blocks;
}

const KINDS = [
  { starts: /^\s*$/, made: () => [] },
  { starts: /^#+ /, made: ([line]) => [heading(line)] },
  { starts: /^\|/, goesOn: /^\|/, made: (lines) => [table(lines)] },
  { starts: /^[-*] /, goesOn: /^([-*] |  +\S)/, made: (lines) => [list(lines)] },
  { starts: /^/, goesOn: /^(?![-*#|] ?)\s*\S/, made: (lines) => [make("p", {}, ...inline(lines.join(" ")))] },
];

function heading(line) {
  const [, marks, text] = line.match(/^(#+) (.*)$/);
  return make(`h${Math.min(6, marks.length + 1)}`, {}, ...inline(text));
}

function list(lines) {
  const items = lines.join("\n").replace(/\n +(?=\S)/g, " ").split("\n");
  return make("ul", {}, ...items.map((item) => make("li", {}, ...inline(item.slice(2)))));
}

function table(lines) {
  const rows = lines.map((line) => line.replace(/^\||\|\s*$/g, "").split("|").map((cell) => cell.trim()));
  const [head, ...body] = rows.filter((row) => !row.every((cell) => /^:?-+:?$/.test(cell)));
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, ...inline(cell))));
  return make("table", {}, make("thead", {}, row(head, "th")), make("tbody", {}, ...body.map((cells) => row(cells, "td"))));
}

function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
    if (/^\*\*.+\*\*$/.test(part)) return make("strong", {}, part.slice(2, -2));
    return /^`.+`$/.test(part) ? make("code", {}, part.slice(1, -1)) : part;
  });
}
