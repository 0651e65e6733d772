// What the page tells of itself: that it is looked at again, and, where the browser can, that it should sync in the background
// once there is a network.

import { effect } from "@preact/signals";
import type { EnginePort } from "./engine/port";
import { online, overview } from "./state";
import { SYNC_TAG } from "./worker/names";

interface SyncManager {
  register(tag: string): Promise<void>;
}

/** Asks the browser to wake the service worker when there is a network. Those without background sync sync when opened. */
async function registerBackgroundSync(): Promise<void> {
  const registration = (await navigator.serviceWorker?.getRegistration()) as { sync?: SyncManager } | undefined;
  // It may be forbidden, or the page may be gone already.
  await registration?.sync?.register(SYNC_TAG).catch(() => undefined);
}

export function followPage(port: EnginePort): void {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") port.postMessage({ hint: { hint: "foreground" } });
    else if ((overview.value?.waiting ?? 0) > 0) void registerBackgroundSync();
  });
  effect(() => {
    if (!online.value && (overview.value?.waiting ?? 0) > 0) void registerBackgroundSync();
  });
}
