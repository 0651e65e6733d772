// The service worker: the app without a network from the first visit on, new versions when the user agrees, and syncing in the
// background with the same engine. It never keeps an answer of the server's interface.

import { Engine, init } from "./worker/engine";
import { DATABASE, SYNC_LOCK, SYNC_TAG, type TabMessage, TABS_CHANNEL } from "./worker/names";

declare const self: ServiceWorkerGlobalScope;

interface SyncEvent extends ExtendableEvent {
  tag: string;
}

const APP_CACHES = "verses-app-";
const CACHE = `${APP_CACHES}${__BUILD__}`;
/** What the server answers itself, whatever asks. */
const OF_THE_SERVER = /^\/(functions|auth|rest|texts|health|ready|metrics|openapi\.json)(\/|$)/;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  // Names with a hash never change their content; the page itself must come from the server.
  await cache.addAll(__PRECACHE__.map((path) => new Request(path, { cache: path.startsWith("/app/") ? "default" : "reload" })));
}

async function activate(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(APP_CACHES) && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

self.addEventListener("message", (event) => {
  if ((event.data as { type?: string } | null)?.type === "skip-waiting") void self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || OF_THE_SERVER.test(url.pathname)) return;
  if (request.mode === "navigate") event.respondWith(kept("/", request));
  else if (__PRECACHE__.includes(url.pathname)) event.respondWith(kept(url.pathname, request));
});

async function kept(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

self.addEventListener("sync", (event) => {
  const sync = event as SyncEvent;
  if (sync.tag === SYNC_TAG) sync.waitUntil(syncInBackground());
});

/** Rejects while something is left that could be sent, so that the browser tries again later. */
async function syncInBackground(): Promise<void> {
  await navigator.locks.request(SYNC_LOCK, { ifAvailable: true }, async (lock) => {
    if (lock) return syncAlone();
    const tabs = new BroadcastChannel(TABS_CHANNEL);
    const message: TabMessage = { kind: "hint", hint: { hint: "online" } };
    tabs.postMessage(message);
    tabs.close();
  });
}

let opening: Promise<Engine> | undefined;

async function syncAlone(): Promise<void> {
  opening ??= open();
  // A failure to open is not kept for the next time.
  const engine = await opening.catch((error: unknown) => {
    opening = undefined;
    throw error;
  });
  try {
    const report = JSON.parse(await engine.syncOnce()) as { done: boolean };
    if (!report.done) throw new Error("something is left to send");
  } catch (error) {
    if (typeof error === "string" && (JSON.parse(error) as { code: string }).code === "sign_in_needed") return;
    throw error;
  }
}

async function open(): Promise<Engine> {
  // The worker's own requests do not pass through it.
  const module = (await (await caches.open(CACHE)).match(__ENGINE_WASM__)) ?? (await fetch(__ENGINE_WASM__));
  await init(module);
  return Engine.open(DATABASE, location.origin, () => undefined, () => undefined);
}
