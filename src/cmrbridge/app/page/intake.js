// How a study gets in: dropped anywhere on the page, or chosen with the buttons, as files or as a whole folder.

import { byId } from "./dom.js";
import { tarOf } from "./tar.js";

/** Calls opened(name, body, size) with what was dropped or chosen; the name stays in this page. */
export function takeFiles(opened) {
  const zone = byId("drop");
  const take = (files) => files.length && opened(...packed(files));
  for (const kind of ["files", "folder"]) {
    const input = byId(`pick-${kind}`);
    byId(`choose-${kind}`).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      take([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = ""; // the same file can be chosen again
    });
  }
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? zone.classList.remove("over"));
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(await dropped(event.dataTransfer));
  });
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.slice(1) }];
  }
  const reader = entry.createReader();
  const inside = [];
  for (let batch = await read(reader); batch.length; batch = await read(reader)) inside.push(...batch);
  return (await Promise.all(inside.map(filesOf))).flat();
}

const read = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));

/** [name to show, body to send, bytes]: one file as it is, several as a tar in the order of their paths. */
function packed(found) {
  const order = new Intl.Collator("en", { numeric: true }).compare;
  const seen = found.filter(({ path }) => !path.split("/").some((part) => part.startsWith(".")));
  const files = seen.sort((a, b) => order(a.path, b.path)).map(({ file }) => file);
  if (files.length === 1) return [files[0].name, files[0], files[0].size];
  const [top] = seen[0]?.path.split("/") ?? [""];
  const folder = seen.every(({ path }) => path.startsWith(`${top}/`));
  const body = tarOf(files);
  return [folder ? `${top} (${files.length} files)` : `${files.length} files`, body, body.size];
}
