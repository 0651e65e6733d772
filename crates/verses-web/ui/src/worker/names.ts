// Names that the tabs and the service worker share.

import type { SyncState } from "../engine/api";

/** The database on this device. */
export const DATABASE = "verses";
/** Held by the one tab, or the service worker, that syncs. */
export const SYNC_LOCK = "verses-sync";
/** What tabs tell each other. */
export const TABS_CHANNEL = "verses-tabs";
/** Tag of the browser's background sync. */
export const SYNC_TAG = "verses-sync";

/** What happened outside of the engine; `Hint` of crates/verses-web/src/lead.rs. */
export type Hint =
  | { hint: "online" | "offline" | "foreground" | "syncNow" | "poke" | "changed" }
  | { hint: "network"; rttMs: number | null; bandwidthBps: number | null; saveData: boolean };

export type TabMessage =
  /** From the tab that syncs: how it stands. */
  | { kind: "sync"; state: SyncState }
  /** To the tab that syncs. */
  | { kind: "hint"; hint: Hint }
  /** From a tab that does not know yet how it stands. */
  | { kind: "ask" };
