// Several files as one body: a tar (ustar) whose names are numbers, so that no name of a file or folder travels.

const BLOCK = 512;

/** A Blob that reads the files only while it is sent. */
export function tarOf(files) {
  const parts = files.flatMap((file, index) => [
    headerOf(String(index + 1).padStart(6, "0"), file.size),
    file,
    new Uint8Array((BLOCK - (file.size % BLOCK)) % BLOCK),
  ]);
  return new Blob([...parts, new Uint8Array(2 * BLOCK)]);
}

function headerOf(name, size) {
  const block = new Uint8Array(BLOCK);
  const put = (text, at) => block.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put("0000600\0", 100); // mode
  put("0000000\0", 108); // owner
  put("0000000\0", 116); // group
  put(`${size.toString(8).padStart(11, "0")}\0`, 124);
  put("00000000000\0", 136); // time
  put("        ", 148); // the checksum counts as blanks in its own sum
  put("0", 156); // a plain file
  put("ustar\0" + "00", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
