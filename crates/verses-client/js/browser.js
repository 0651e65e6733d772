// The browser's side of the platform and the transport: timers, time zones, letters, one HTTP request. It decides nothing; what it is
// asked for and what follows is in src/browser.

/** Ends every wait that may end early. */
const waiting = new Set();
/** Whether somebody woke when nobody waited: what they wrote may have come too late to be seen. */
let woken = false;

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for `ms`, or until `wake` is called; not at all if that was since the last wait. */
export function idle(ms) {
  if (woken) {
    woken = false;
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      waiting.delete(end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    waiting.add(end);
  });
}

export function wake() {
  woken = waiting.size === 0;
  for (const end of [...waiting]) end();
}

export function monotonicMs() {
  return performance.now();
}

export function random() {
  return crypto.getRandomValues(new BigUint64Array(1))[0];
}

const calendars = new Map();

/** The date in an IANA zone as [year, month, day]; undefined for a zone the browser does not know. */
export function localDate(zone, ms) {
  // Browsers also take offsets, which are no names of zones.
  if (!/^[A-Za-z]/.test(zone)) return undefined;
  let calendar = calendars.get(zone);
  if (!calendar) {
    try {
      calendar = new Intl.DateTimeFormat("en-US", {
        timeZone: zone, calendar: "iso8601", numberingSystem: "latn", year: "numeric", month: "numeric", day: "numeric",
      });
    } catch {
      return undefined;
    }
    calendars.set(zone, calendar);
  }
  const parts = new Map(calendar.formatToParts(ms).map((part) => [part.type, Number(part.value)]));
  return Int32Array.of(parts.get("year"), parts.get("month"), parts.get("day"));
}

/** The text in lower case, by the rules that hold for every language. */
export function lowercase(text) {
  return text.toLowerCase();
}

/** The browser's time zone. */
export function timeZone() {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}

/** Bodies smaller than this are sent as they are, in bytes. */
const COMPRESS_FROM_BYTES = 256;
/** Largest answer accepted once decoded, in bytes. */
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
/** A body this slow on its way out still counts as moving, in bytes a second: a browser does not tell how much has gone. */
const SLOWEST_UPLOAD = 512;

/** Servers that are there without a network. */
const LOOPBACK = /^(localhost|127\.|\[::1\]$)/;

async function compressed(body) {
  if (body.length < COMPRESS_FROM_BYTES || typeof CompressionStream === "undefined") return undefined;
  const stream = new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * One request and its whole answer. Rejects with `{kind, reason}`: "connect" when it cannot have reached anybody, "broken" when
 * it may have, "stalled" when nothing moved for `stallMs`.
 */
export async function exchange(method, url, bearer, protocol, body, stallMs) {
  const started = performance.now();
  // Only this says that nothing can have left: a network that goes away later may take the answer with it, not the request.
  const isUnreachable = navigator.onLine === false && !LOOPBACK.test(new URL(url).hostname);
  const headers = new Headers(protocol);
  if (bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
  let sent;
  if (body !== undefined) {
    headers.set("content-type", "application/json");
    const packed = await compressed(body);
    if (packed) headers.set("content-encoding", "gzip");
    sent = packed ?? body;
  }
  const abort = new AbortController();
  let stalled = false;
  let timer;
  const touch = (allowance) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      abort.abort();
    }, stallMs + allowance);
  };
  touch(((sent?.length ?? 0) / SLOWEST_UPLOAD) * 1000);
  let response;
  try {
    response = await fetch(url, {
      method, headers, body: sent, signal: abort.signal, cache: "no-store", credentials: "omit", redirect: "manual",
    });
    const head = performance.now();
    touch(0);
    const bytes = await readAll(response, touch);
    return {
      // A redirect is somebody else's answer, and its status is hidden.
      status: response.type === "opaqueredirect" ? 302 : response.status,
      contentType: (response.headers.get("content-type") ?? "").toLowerCase(),
      retryAfterMs: retryAfterMs(response.headers),
      body: bytes,
      bytesSent: sent?.length ?? 0,
      bytesReceived: Number(response.headers.get("content-length")) || bytes.length,
      elapsedMs: performance.now() - started,
      firstByteMs: head - started,
    };
  } catch (error) {
    const kind = stalled ? "stalled" : isUnreachable && !response ? "connect" : "broken";
    throw { kind, reason: String(error?.message ?? error) };
  } finally {
    clearTimeout(timer);
  }
}

async function readAll(response, touch) {
  if (!response.body) return new Uint8Array();
  const pieces = [];
  let length = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    touch(0);
    pieces.push(value);
    length += value.length;
    if (length > MAX_RESPONSE_BYTES) throw new Error("the answer is too large");
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Retry-After has seconds or a date. A date counts from the server's own clock: this device's may be wrong. */
function retryAfterMs(headers) {
  const value = headers.get("retry-after")?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const until = Date.parse(value);
  if (Number.isNaN(until)) return undefined;
  const now = Date.parse(headers.get("date") ?? "");
  return Math.max(0, until - (Number.isNaN(now) ? Date.now() : now));
}
