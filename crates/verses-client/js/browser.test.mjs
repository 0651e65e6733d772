// What browser.js promises, without a browser: `fetch` and the network are stood in for. What a real browser does with it is
// tested in e2e/web.
//
//     node --test browser.test.mjs
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, test } from "node:test";

const source = readFileSync(new URL("browser.js", import.meta.url), "utf8");
const { exchange, idle, localDate, wake } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const network = { onLine: true };
Object.defineProperty(globalThis, "navigator", { value: network, configurable: true });
const realFetch = globalThis.fetch;
afterEach(() => {
  network.onLine = true;
  globalThis.fetch = realFetch;
});

const AWAY = "https://verses.example/functions/v1/verse-operations";
const HERE = "http://127.0.0.1:54321/functions/v1/verse-operations";

/** How a request ends for which the browser does this. */
async function ends(url, fetched) {
  globalThis.fetch = fetched;
  try {
    await exchange("POST", url, undefined, [], new Uint8Array([1]), 1_000);
    return "answered";
  } catch (fault) {
    return fault.kind;
  }
}

const fails = () => Promise.reject(new TypeError("Failed to fetch"));

test("a request cannot have left only if there was no network before it", async () => {
  network.onLine = false;
  assert.equal(await ends(AWAY, fails), "connect");
  network.onLine = true;
  assert.equal(await ends(AWAY, fails), "broken");
  const goesAway = () => {
    network.onLine = false;
    return fails();
  };
  assert.equal(await ends(AWAY, goesAway), "broken");
});

test("a server on this device is there without a network", async () => {
  network.onLine = false;
  assert.equal(await ends(HERE, fails), "broken");
  assert.equal(await ends("http://localhost:54321/", fails), "broken");
  assert.equal(await ends("http://localhost.example/", fails), "broken", "taken for one: on the safe side");
});

test("an answer cut short was an answer", async () => {
  const cut = async () => {
    network.onLine = false;
    const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("network error")) });
    return new Response(body, { status: 200 });
  };
  assert.equal(await ends(AWAY, cut), "broken");
});

test("silence ends as stalled", async () => {
  const silent = (_, { signal }) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
  });
  assert.equal(await ends(AWAY, silent), "stalled");
});

/** Whether this wait is over at once. */
async function isOver(wait) {
  const later = Symbol("later");
  return (await Promise.race([wait, new Promise((resolve) => setTimeout(resolve, 20, later))])) !== later;
}

test("who is woken before the wait does not wait, once", async () => {
  wake();
  assert.ok(await isOver(idle(60_000)));
  const wait = idle(60_000);
  assert.ok(!(await isOver(wait)));
  wake();
  assert.ok(await isOver(wait));
  const next = idle(60_000);
  assert.ok(!(await isOver(next)), "that call has woken somebody already");
  wake();
});

test("dates are those of the zone, and a zone that there is not has none", () => {
  const newYear = Date.UTC(2026, 0, 1, 0, 30);
  assert.deepEqual([...localDate("Europe/Berlin", newYear)], [2026, 1, 1]);
  assert.deepEqual([...localDate("America/New_York", newYear)], [2025, 12, 31]);
  for (const zone of ["Nowhere/Here", "+01:00", ""]) assert.equal(localDate(zone, newYear), undefined);
});
