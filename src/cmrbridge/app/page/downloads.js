// What can be kept of a study: the server makes each file, the browser saves it.

import { byId, make } from "./dom.js";

const FILES = { "get-mask": "mask.nii.gz", "get-table": "measures.csv", "get-report": "report.html" };

/** fetchFile(name) → [Blob, name]; failed(error) where that did not work. */
export function offerDownloads({ fetchFile, failed }) {
  for (const [id, file] of Object.entries(FILES)) {
    byId(id).addEventListener("click", () => fetchFile(file).then(save, failed));
  }
}

export function allowDownloads(allowed) {
  for (const id of Object.keys(FILES)) byId(id).disabled = !allowed;
}

function save([blob, name]) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser has begun to save it by then
}
