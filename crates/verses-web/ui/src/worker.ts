// The worker of a tab: holds the engine, answers the page's calls, and syncs if this tab is the one that does. What is decided
// here is only who syncs; everything else is the engine's.

import type { EngineError, EngineEvent, StorageState, SyncState } from "./engine/api";
import { Engine, init } from "./worker/engine";
import { DATABASE, type Hint, SYNC_LOCK, type TabMessage, TABS_CHANNEL } from "./worker/names";
import { listenForPokes } from "./worker/pokes";

type FromPage = { id: number; call: string; args: unknown } | { hint: Hint };

/** Syncing is told so often at most. */
const TOLD_EVERY_MS = 100;
/** Who asks to sync now waits so long for the end of it. */
const SYNC_NOW_MS = 20_000;

const tabs = new BroadcastChannel(TABS_CHANNEL);
let leading = false;
/** As the tab that syncs told it last. */
let heard: SyncState | null = null;
let telling: ReturnType<typeof setTimeout> | undefined;
/** Waiting for what the tab that syncs tells next. */
const watching = new Set<(state: SyncState) => void>();

const tellPage = (message: EngineEvent | { id: number; ok: unknown } | { id: number; error: EngineError }) =>
  postMessage(message);
const tellTabs = (message: TabMessage) => tabs.postMessage(message);

const opening = open();
opening.then(begin, (error: unknown) => tellPage({ event: "broken", error: asError(error) }));

async function open(): Promise<Engine> {
  await init(fetch(__ENGINE_WASM__));
  return Engine.open(DATABASE, location.origin, onTold, (revision) => tellPage({ event: "changed", revision }));
}

/** Rejections of the engine are JSON; anything else is a fault of the browser. */
function asError(error: unknown): EngineError {
  if (typeof error === "string") return JSON.parse(error) as EngineError;
  const message = error instanceof Error ? error.message : String(error);
  return { code: "unexpected", message: `Verses could not start: ${message}. Reload the page.`, retryable: true };
}

function onTold(text: string): void {
  const event = JSON.parse(text) as { event: string } & Record<string, unknown>;
  if (event.event === "syncChanged") tellSyncSoon();
  else tellPage(event as unknown as EngineEvent);
}

function tellSyncSoon(): void {
  telling ??= setTimeout(() => {
    telling = undefined;
    void tellSync();
  }, TOLD_EVERY_MS);
}

async function tellSync(): Promise<void> {
  if (!leading) return;
  const engine = await opening;
  const state = JSON.parse(await engine.call("syncState", "{}")) as SyncState;
  tellPage({ event: "sync", state });
  watching.forEach((watch) => watch(state));
  tellTabs({ kind: "sync", state: { ...state, leader: false } });
}

/** Ends when something was sent or fetched after `since` and nothing is on its way; rejects when that does not work. */
function synced(since: number): Promise<null> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer);
      watching.delete(watch);
      settle();
    };
    const watch = (state: SyncState) => {
      if (state.phase === "offline") end(() => reject(fault("offline", "There is no network. What waits is sent when it is back.")));
      else if (state.trouble !== null) end(() => reject(fault("network", state.trouble ?? "")));
      else if ((state.lastSyncAt ?? 0) >= since && state.phase === "idle") end(() => resolve(null));
    };
    const timer = setTimeout(() => end(() => resolve(null)), SYNC_NOW_MS);
    watching.add(watch);
  });
}

const fault = (code: string, message: string) => JSON.stringify({ code, message, retryable: true } satisfies EngineError);

function begin(engine: Engine): void {
  const hint = (said: Hint) => engine.hint(JSON.stringify(said));
  tabs.onmessage = ({ data }: MessageEvent<TabMessage>) => {
    if (data.kind === "hint") hint(data.hint);
    if (data.kind === "ask") tellSyncSoon();
    if (data.kind === "sync" && !leading) {
      heard = data.state;
      tellPage({ event: "sync", state: data.state });
      watching.forEach((watch) => watch(data.state));
    }
  };
  tellTabs({ kind: "ask" });
  addEventListener("online", () => hint({ hint: "online" }));
  addEventListener("offline", () => hint({ hint: "offline" }));
  followConnection(hint);
  // The lock is held until this worker ends; then the next tab in line gets it.
  void navigator.locks.request(SYNC_LOCK, async () => {
    leading = true;
    void listenForPokes(engine);
    const led = engine.lead();
    if (!navigator.onLine) hint({ hint: "offline" });
    await led;
  });
}

/** What Chromium tells of the network; other browsers tell nothing, and the engine measures. */
function followConnection(hint: (said: Hint) => void): void {
  interface Connection extends EventTarget {
    rtt?: number;
    downlink?: number;
    saveData?: boolean;
  }
  const connection = (navigator as { connection?: Connection }).connection;
  connection?.addEventListener("change", () => {
    if (!navigator.onLine) return;
    hint({
      hint: "network",
      rttMs: connection.rtt ?? null,
      bandwidthBps: connection.downlink === undefined ? null : Math.round(connection.downlink * 1e6),
      saveData: connection.saveData ?? false,
    });
  });
}

onmessage = ({ data }: MessageEvent<FromPage>) => {
  if ("hint" in data) {
    opening.then((engine) => engine.hint(JSON.stringify(data.hint)), () => undefined);
    if (!leading) tellTabs({ kind: "hint", hint: data.hint });
    return;
  }
  answer(data.call, data.args).then(
    (ok) => tellPage({ id: data.id, ok }),
    (error: unknown) => tellPage({ id: data.id, error: asError(error) }),
  );
};

async function answer(call: string, args: unknown): Promise<unknown> {
  if (call === "storage") return storage();
  const engine = await opening;
  if (call === "syncState" && !leading && heard) return heard;
  const since = Date.now();
  const ended = call === "syncNow" ? synced(since) : null;
  const done = JSON.parse(await engine.call(call, JSON.stringify(args))) as unknown;
  // Another tab may be the one that syncs.
  if ((call === "syncNow" || call === "retry" || call === "supplyText") && !leading) tellTabs({ kind: "hint", hint: { hint: "syncNow" } });
  if (ended) engine.hint(JSON.stringify({ hint: "syncNow" } satisfies Hint));
  return ended ?? done;
}

async function storage(): Promise<StorageState> {
  const estimate: StorageEstimate = await navigator.storage.estimate().catch(() => ({}));
  const persisted = await navigator.storage.persisted().catch(() => false);
  return { usage: estimate.usage ?? null, quota: estimate.quota ?? null, persisted };
}
