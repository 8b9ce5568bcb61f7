// The program on this computer that the page belongs to: every request carries the token of its launch.

const KEY = "cmrbridge-token";
const token = takeToken();

/** A message for the reader: what is wrong and what to do. */
export class Told extends Error {}

function takeToken() {
  const given = location.hash.slice(1);
  if (given) {
    sessionStorage.setItem(KEY, given); // a reload of this tab works
    history.replaceState(null, "", location.pathname); // and the address bar does not give it away
  }
  return given || sessionStorage.getItem(KEY) || "";
}

addEventListener("hashchange", () => location.reload()); // the address of a new launch, opened in this tab

/** The answer to a request under /api; throws Told. options: as of fetch. */
export async function call(path, options = {}) {
  const response = await ask(`/api/${path}`, { ...options, headers: { Authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Told(await reason(response));
  return response;
}

async function ask(address, options) {
  try {
    return await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Told("cmrbridge does not answer any more; start it again and open the address that it prints");
  }
}

async function reason(response) {
  const answer = await response.json().catch(() => ({}));
  return answer.error ?? `cmrbridge answered with error ${response.status}; try again`;
}

/** The objects of an NDJSON answer as they arrive. */
export async function* objects(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    yield* lines.filter(Boolean).map((line) => JSON.parse(line));
  }
}
