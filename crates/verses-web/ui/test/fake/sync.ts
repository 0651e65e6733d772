// Syncing, as the test double tells it.

import type { QueueItem, SyncState } from "../../src/engine/api";
import { NOW } from "./data";
import type { Scenario } from "./scenarios";

const KINDS = ["create_verse", "record_review", "record_review", "archive_verse", "set_phase", "update_profile"];
const ABOUT = ["John 3:16", "Psalm 23:1-6", "Romans 8:28", "1 Corinthians 13:4-7", "Isaiah 40:31"];
const REASONS: { reason: string; why: string; needsText: boolean }[] = [
  { reason: "rejected", why: "The server does not know this passage in NIV. Give your own text, or choose another translation.", needsText: true },
  { reason: "blocked", why: "It belongs to a passage that could not be added.", needsText: false },
  { reason: "retries_exhausted", why: "The server did not answer five times in a row.", needsText: false },
  { reason: "too_large", why: "The text is longer than the server takes.", needsText: false },
  { reason: "expired", why: "It waited for more than a year.", needsText: false },
  { reason: "forbidden", why: "The server says that this is not yours.", needsText: false },
];

export function makeQueue(scenario: Scenario): QueueItem[] {
  const item = (n: number, state: QueueItem["state"]): QueueItem => {
    const kind = KINDS[n % KINDS.length] as string;
    const failure = state === "failed" ? REASONS[n % REASONS.length] : undefined;
    return {
      id: `operation-${n}`,
      kind,
      about: kind === "update_profile" ? "Profile" : (ABOUT[n % ABOUT.length] as string),
      queuedAt: NOW - n * 600_000,
      retryCount: failure ? 5 : 0,
      state,
      reason: failure?.reason ?? null,
      why: failure?.why ?? (scenario.offline ? "There is no network." : "It goes with the next batch."),
      needsText: failure?.needsText ?? false,
      bytes: 240 + n,
    };
  };
  const failed = Array.from({ length: scenario.failed }, (_, n) => item(n, "failed"));
  const waiting = Array.from({ length: scenario.waiting }, (_, n) => item(100 + n, scenario.sending && n < 20 ? "sending" : "waiting"));
  return [...failed, ...waiting];
}

export function makeSync(scenario: Scenario): SyncState {
  const { waiting, failed, sending, offline } = scenario;
  const phase = offline ? "offline" : sending ? "sending" : !scenario.account.signedIn ? "signin" : waiting > 0 ? "waiting" : "idle";
  return {
    phase,
    reason: offline ? "offline" : sending ? "in_flight" : phase === "signin" ? "session" : waiting > 0 ? "backoff" : "idle",
    until: phase === "waiting" ? Date.now() + 8000 : null,
    total: waiting + failed + (sending ? 80 : 0),
    successful: sending ? 80 : 0,
    failed,
    blocked: failed > 0 ? 1 : 0,
    pending: waiting,
    inFlight: sending ? 20 : 0,
    bytesDone: sending ? 18_400 : 0,
    bytesTotal: sending ? 55_000 : 0,
    perSecond: sending ? 12.5 : null,
    etaMs: sending ? 12_800 : null,
    quality: offline ? null : sending ? "fair" : "good",
    roundTripMs: offline ? null : sending ? 640 : 90,
    batchSize: sending ? 20 : 100,
    lastSyncAt: NOW - 540_000,
    trouble: offline ? "The server cannot be reached." : null,
    requests: [
      { id: "r2", isBatch: true, operations: 20, state: sending ? "sending" : "done", successful: sending ? 0 : 20, failed: 0, elapsedMs: sending ? null : 710, bytesSent: 4210 },
      { id: "r1", isBatch: true, operations: 40, state: "done", successful: 39, failed: 1, elapsedMs: 1240, bytesSent: 8034 },
      { id: "r0", isBatch: false, operations: 1, state: "failed", successful: 0, failed: 0, elapsedMs: 5000, bytesSent: 512 },
    ],
    results: Array.from({ length: 18 }, (_, n) => ({
      id: `result-${n}`,
      kind: KINDS[n % KINDS.length] as string,
      about: ABOUT[n % ABOUT.length] as string,
      outcome: n === 3 ? "failed" : n === 7 ? "duplicate" : "applied",
      message: n === 3 ? "The server does not know this passage in NIV." : null,
      at: NOW - n * 700,
    })),
    leader: true,
    ...scenario.sync,
  };
}
