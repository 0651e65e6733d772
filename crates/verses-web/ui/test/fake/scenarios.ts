// The situations of the test double, chosen by ?scenario=.

import type { Account, SyncState } from "../../src/engine/api";

export interface Scenario {
  cards: number;
  due: number;
  archived: number;
  waiting: number;
  failed: number;
  account: Account;
  offline?: boolean;
  sending?: boolean;
  /** What syncing tells otherwise. */
  sync?: Partial<SyncState>;
  /** Every call but `overview` fails. */
  failing?: boolean;
  /** No call but `overview` is ever answered. */
  hanging?: boolean;
  /** Nothing at all is answered. */
  silent?: boolean;
  /** The engine says that it cannot work. */
  broken?: boolean;
}

const GUEST: Account = { kind: "guest", email: "", signedIn: true };
const USER: Account = { kind: "user", email: "ruth@example.org", signedIn: true };
const base: Scenario = { cards: 24, due: 0, archived: 3, waiting: 0, failed: 0, account: USER };

export const SCENARIOS: Record<string, Scenario> = {
  empty: { ...base, cards: 0, archived: 0, account: GUEST },
  few: { ...base, cards: 4, archived: 0, account: GUEST },
  due: { ...base, due: 7 },
  offline: { ...base, due: 5, waiting: 12, offline: true },
  waiting: { ...base, due: 3, waiting: 48 },
  failed: { ...base, due: 2, waiting: 3, failed: 6 },
  error: { ...base, due: 3, failing: true },
  loading: { ...base, due: 3, hanging: true },
  opening: { ...base, silent: true },
  broken: { ...base, broken: true },
  many: { ...base, cards: 10_000, due: 143, archived: 400 },
  guest: { ...base, due: 4, waiting: 9, account: GUEST },
  user: { ...base, due: 1 },
  ended: { ...base, due: 6, waiting: 7, account: { ...USER, signedIn: false } },
  sending: { ...base, due: 2, waiting: 160, sending: true },
  partial: { ...base, failed: 2, sync: { total: 10, successful: 8 } },
  paused: { ...base, waiting: 31, sync: { reason: "retry_after", quality: "poor", leader: false, batchSize: 4, roundTripMs: 2900, requests: [], results: [], lastSyncAt: null } },
  upgrade: { ...base, waiting: 2, sync: { phase: "upgrade", reason: "upgrade", until: null, trouble: "The server needs a newer version of the app: reload the page. Nothing is lost." } },
};

export function chosenScenario(): Scenario {
  const name = new URLSearchParams(location.search).get("scenario") ?? "due";
  return SCENARIOS[name] ?? (SCENARIOS.due as Scenario);
}
