// The situations of the test double, chosen by ?scenario=.

import type { Account } from "../../src/engine/api";

export interface Scenario {
  cards: number;
  due: number;
  archived: number;
  waiting: number;
  failed: number;
  account: Account;
  offline?: boolean;
  sending?: boolean;
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
};

export function chosenScenario(): Scenario {
  const name = new URLSearchParams(location.search).get("scenario") ?? "due";
  return SCENARIOS[name] ?? (SCENARIOS.due as Scenario);
}
