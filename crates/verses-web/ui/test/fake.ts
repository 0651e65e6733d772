// The test double of the engine: answers every call in memory, as ?scenario= says. It stands in for src/engine/port.ts in
// builds with --fake. Its answers have the right shape; they are not what the real rules give.

import type { AddResult, CallName, Calls, Card, EngineEvent, LibraryRow, Overview, ParsedEntry } from "../src/engine/api";
import type { EnginePort } from "../src/engine/port";
import { addDays } from "../src/format";
import { NOW, PERIOD, TODAY, makeCard, makeCards, makeDetail, makeStatistics } from "./fake/data";
import { chosenScenario } from "./fake/scenarios";
import { makeQueue, makeSync } from "./fake/sync";

type Answers = { [N in CallName]: (args: Calls[N][0]) => Calls[N][1] };

const scenario = chosenScenario();
let cards = makeCards(scenario.cards, scenario.due, scenario.archived);
let queue = makeQueue(scenario);
let account = scenario.account;
let today = TODAY;
let reviewedToday = 0;
let revision = 0;
let profile: Calls["profile"][1] = { fullName: "Ruth", translation: "KJV", displayMode: "full", timezone: "Europe/Berlin" };
let chosen: Calls["settings"][1]["chosen"] = {
  batch: { maxBatchSize: null, batchTimeoutMs: null, maxRetries: null, networkAwareThrottling: null, individualOnly: null },
  fetchIntervalMs: null,
};

class Refusal extends Error {
  constructor(readonly code: string, message: string, readonly retryable = false) {
    super(message);
  }
}

function find(verseId: string): Card {
  const card = cards.find((it) => it.verseId === verseId);
  if (!card) throw new Refusal("not_found", "This passage is not in your library.");
  return card;
}

function put(card: Card): Card {
  cards = cards.map((it) => (it.verseId === card.verseId ? card : it));
  changed();
  return card;
}

const active = () => cards.filter((card) => !card.archived);
const due = () => active().filter((card) => card.isDue).sort((a, b) => (a.nextDue < b.nextDue ? -1 : 1));

function overview(): Overview {
  const later = active().filter((card) => card.nextDue > TODAY).map((card) => card.nextDue).sort();
  const next = later[0];
  return {
    today,
    due: due().length,
    cards: cards.length,
    reviewedToday,
    dayStreak: cards.length > 0 ? 12 : 0,
    next: next ? { date: next, count: later.filter((it) => it === next).length } : null,
    account,
    displayMode: profile.displayMode,
    translation: profile.translation,
    waiting: queue.filter((it) => it.state !== "failed").length,
    failed: queue.filter((it) => it.state === "failed").length,
  };
}

function row(card: Card): LibraryRow {
  const { verseId, reference, translation, phase, progress, needed, streak, nextDue, isDue, archived } = card;
  return { verseId, reference, translation, excerpt: card.text.slice(0, 140), phase, progress, needed, streak, nextDue, isDue, archived };
}

function library({ filter, offset, limit }: Calls["library"][0]): Calls["library"][1] {
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean);
  const order: Record<typeof filter.sort, (a: Card, b: Card) => number> = {
    due: (a, b) => a.nextDue.localeCompare(b.nextDue),
    reference: (a, b) => a.reference.localeCompare(b.reference),
    added: (a, b) => b.createdAt - a.createdAt,
    streak: (a, b) => b.streak - a.streak,
  };
  const found = cards
    .filter((card) => (filter.show === "archived" ? card.archived : !card.archived && (filter.show === "active" || card.isDue)))
    .filter((card) => filter.phase === "all" || card.phase === filter.phase)
    .filter((card) => words.every((word) => `${card.reference} ${card.translation} ${card.text}`.toLowerCase().includes(word)))
    .sort(order[filter.sort]);
  return { total: found.length, offset, rows: found.slice(offset, offset + limit).map(row) };
}

function parse(text: string): ParsedEntry[] {
  const entries: ParsedEntry[] = [];
  const seen = new Set<string>();
  for (const match of text.matchAll(/[^;\n]+/g)) {
    const input = match[0].trim();
    if (!input) continue;
    const start = match.index + match[0].indexOf(input);
    const known = cards.find((card) => card.reference.toLowerCase() === input.toLowerCase());
    const isReference = /\d/.test(input) && !/^Jonh/.test(input);
    const [, from = "1", to = from] = /:(\d+)(?:-(\d+))?$/.exec(input) ?? [];
    const state = seen.has(input) ? "repeated" : known ? (known.archived ? "archived" : "known") : "new";
    seen.add(input);
    entries.push({
      input,
      start,
      end: start + input.length,
      passage: isReference
        ? {
            verseId: known?.verseId ?? `new-${input}`, reference: known?.reference ?? input,
            preview: scenario.offline || entries.length >= 200 ? "" : (known?.text ?? makeCard(entries.length % 12, false).text),
            verses: Number(to) - Number(from) + 1, state, tooLong: Number(to) - Number(from) > 500,
          }
        : null,
      error: isReference
        ? null
        : { message: `There is no book called “${input.replace(/ [\d:]+$/, "")}”.`, suggestion: input.startsWith("Jonh") ? input.replace("Jonh", "John") : null },
    });
  }
  return entries;
}

function add(verses: Calls["add"][0]["verses"]): AddResult[] {
  const results = verses.map((verse): AddResult => {
    const known = cards.find((card) => card.reference === verse.reference);
    if (verse.reference === "Obadiah 1:99") {
      const error = { code: "invalid_reference", message: "Obadiah 1 has 21 verses.", retryable: false };
      return { reference: verse.reference, outcome: "failed", card: null, error };
    }
    if (known?.archived) return { reference: verse.reference, outcome: "duplicate", card: put({ ...known, archived: false }), error: null };
    if (known) return { reference: verse.reference, outcome: "duplicate", card: known, error: null };
    const card: Card = {
      ...makeCard(cards.length, true), reference: verse.reference, verseId: `added-${cards.length}`, progress: 0, streak: 0, phase: "daily",
      needed: 14, lastReviewedAt: null, nextDue: TODAY, createdAt: NOW, ...(verse.text ? { text: verse.text, isOwnText: true } : {}),
    };
    cards = [...cards, card];
    return { reference: verse.reference, outcome: "added", card, error: null };
  });
  changed();
  return results;
}

const whole = new Set<string>();
const text = (translation: string) => ({
  translation, title: translation === "KJV" ? "King James Version" : "World English Bible", licence: "Public domain", pieces: 66,
  have: whole.has(translation) ? 66 : translation === "KJV" ? (scenario.offline ? 41 : 66) : 12, bytes: 1_480_000, loading: translation === "WEB" && scenario.sending === true,
});
const storage = () => ({ usage: 4_200_000, quota: 2_000_000_000, persisted: false });
const settings = () => ({
  chosen,
  defaults: {
    batch: { maxBatchSize: 10, batchTimeoutMs: 3000, maxRetries: 3, networkAwareThrottling: true, individualOnly: false },
    fetchIntervalMs: 300_000,
  },
});

const answers: Answers = {
  overview,
  due,
  library,
  card: ({ verseId }) => {
    const card = cards.find((it) => it.verseId === verseId);
    return card ? makeDetail(card) : null;
  },
  parse: (args) => parse(args.text),
  add: ({ verses }) => add(verses),
  starterPacks: () => [
    { id: "first-steps", title: "First steps", items: [0, 2, 4, 6].map((n) => starter(n)) },
    { id: "comfort", title: "Comfort in hard times", items: [1, 3, 8, 9].map((n) => starter(n)) },
    { id: "love", title: "Love and the fruit of the Spirit", items: [5, 7, 10, 11].map((n) => starter(n)) },
  ],
  review: ({ verseId, wasSuccessful }) => {
    const card = find(verseId);
    reviewedToday += 1;
    const streak = wasSuccessful ? card.streak + 1 : 0;
    const progress = Math.min(card.progress + (wasSuccessful ? 1 : 0), card.needed ?? 99);
    return put({
      ...card, streak, progress, bestStreak: Math.max(streak, card.bestStreak), isDue: false, lastReviewedAt: NOW,
      nextDue: addDays(TODAY, wasSuccessful ? PERIOD[card.phase] : 1),
    });
  },
  score: (args) => {
    const words = args.text.toLowerCase().match(/[\p{L}'’]+/gu) ?? [];
    const typed = args.typed.toLowerCase().match(/[\p{L}'’]+/gu) ?? [];
    const right = typed.filter((word, n) => words[n] === word).length;
    return { right, of: words.length, percent: Math.floor((right * 100) / Math.max(1, words.length)) };
  },
  archive: ({ verseId, archived }) => put({ ...find(verseId), archived, isDue: false }),
  setPhase: ({ verseId, phase }) => put({ ...find(verseId), phase, progress: 0, needed: { daily: 14, weekly: 4, biweekly: 4, monthly: null }[phase] }),
  queue: ({ failedOnly, limit }) => queue.filter((it) => !failedOnly || it.state === "failed").slice(0, limit),
  retry: ({ ids }) => {
    queue = queue.map((it) => (ids.includes(it.id) ? { ...it, state: "waiting", reason: null, why: "It goes with the next batch." } : it));
    changed();
    return ids.length;
  },
  discard: ({ ids }) => {
    queue = queue.filter((it) => !ids.includes(it.id));
    changed();
    return ids.length;
  },
  supplyText: ({ id }) => {
    answers.retry({ ids: [id] });
    return null;
  },
  exportQueue: () => JSON.stringify(queue, null, 2),
  syncNow: () => null,
  syncState: () => makeSync(scenario),
  profile: () => profile,
  updateProfile: (update) => {
    profile = { ...profile, ...update };
    changed();
    return profile;
  },
  settings,
  updateSettings: (update) => {
    if (update.batch.maxBatchSize === 0) {
      throw new Refusal("invalid_config", "`max_batch_size` is 0, but must be at least 1 and at most 4294967295");
    }
    chosen = update;
    return settings();
  },
  signUp: ({ email, password }) => {
    if (password.length < 6) throw new Refusal("weak_password", "The password must have at least 6 characters.");
    return signIn(email);
  },
  signIn: ({ email, password }) => {
    if (password === "wrong") throw new Refusal("invalid_credentials", "The address or the password is wrong.");
    return signIn(email);
  },
  signOut: () => {
    account = { kind: "guest", email: "", signedIn: true };
    changed();
    return { parkedOperations: queue.length, serverTold: !scenario.offline };
  },
  deleteAccount: () => {
    account = { kind: "guest", email: "", signedIn: true };
    changed();
    return null;
  },
  exportData: () => JSON.stringify(cards, null, 2),
  importData: () => ({
    added: 3, duplicates: 1, phases: 2,
    failed: [{ reference: "Hezekiah 1:1", outcome: "failed", card: null, error: { code: "invalid_reference", message: "There is no book of this name.", retryable: false } }],
  }),
  statistics: ({ from }) => makeStatistics(cards, from),
  texts: () => [text("KJV"), text("WEB")],
  loadTexts: ({ translation }) => {
    whole.add(translation);
    tell({ event: "texts", state: { ...text(translation), have: 40, loading: true } });
    return text(translation);
  },
  storage,
  persist: () => ({ ...storage(), persisted: true }),
};

function starter(n: number) {
  const { reference } = makeCard(n, false);
  return { reference, osis: reference.replace(/[ :]/g, "."), known: cards.some((card) => card.reference === reference) };
}

function signIn(email: string) {
  account = { kind: "user", email, signedIn: true };
  changed();
  return { adoptedVerses: cards.length, adoptedOperations: queue.length };
}

// A night in which nobody writes anything, for tests: everything is due on the next day.
addEventListener("fake-night", () => {
  today = addDays(today, 1);
  reviewedToday = 0;
  cards = cards.map((card) => ({ ...card, isDue: !card.archived }));
});

let port: EnginePort;

function tell(message: unknown): void {
  port.onmessage?.(new MessageEvent("message", { data: message }));
}

function changed(): void {
  revision += 1;
  const event: EngineEvent = { event: "changed", revision };
  setTimeout(() => tell(event));
}

/** As long as a quick device takes. */
const ANSWER_MS = 15;

function answer({ id, call, args }: { id: number; call: CallName; args: never }): void {
  const isFrame = call === "overview" || call === "syncState";
  if (scenario.silent || (scenario.hanging && !isFrame)) return;
  setTimeout(() => {
    try {
      if (scenario.failing && !isFrame) throw new Refusal("storage", "The storage of this browser does not answer.", true);
      tell({ id, ok: structuredClone(answers[call](args)) });
    } catch (error) {
      const { code, message, retryable } = error instanceof Refusal ? error : new Refusal("unexpected", String(error));
      tell({ id, error: { code, message, retryable } });
    }
  }, ANSWER_MS);
}

export function openPort(): EnginePort {
  port = {
    onmessage: null,
    onerror: null,
    postMessage: (message) => answer(message as Parameters<typeof answer>[0]),
  };
  if (scenario.broken) {
    setTimeout(() => tell({
      event: "broken",
      error: { code: "storage", message: "This browser gives no storage to this page. Leave private browsing, or allow it to keep data.", retryable: false },
    }));
  }
  if (scenario.offline) setTimeout(() => dispatchEvent(new Event("offline")));
  return port;
}
