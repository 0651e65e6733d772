// What the engine answers: the types of every call that the page makes of it. They mirror `crates/verses-web/src/api`, which
// decides; nothing here computes. Times are milliseconds since the epoch, dates are 'YYYY-MM-DD' in the user's time zone.

export type Phase = "daily" | "weekly" | "biweekly" | "monthly";
export type ReferenceDisplayMode = "full" | "first" | "blank";

/** A refusal. `retryable`: the same call may succeed later. */
export interface EngineError {
  code: string;
  message: string;
  retryable: boolean;
}

/** When a card comes back within its phase; null where the phase needs none. */
export interface Slot {
  /** 1 (Sunday) to 7 (Saturday). */
  dayOfWeek: number | null;
  /** 0 or 1. */
  weekParity: number | null;
  /** 1 to 28. */
  dayOfMonth: number | null;
}

/** A card with its verse. */
export interface Card {
  verseId: string;
  reference: string;
  translation: string;
  /** The words; empty until they are known. */
  text: string;
  /** Whether it is a text of the user's own. */
  isOwnText: boolean;
  /** Whether the server has confirmed the words. */
  isVerified: boolean;
  phase: Phase;
  /** Counted reviews within the phase. */
  progress: number;
  /** Counted reviews the phase needs; null for monthly, which does not end. */
  needed: number | null;
  streak: number;
  bestStreak: number;
  lastReviewedAt: number | null;
  nextDue: string;
  slot: Slot;
  archived: boolean;
  createdAt: number;
  /** Due today or before, and not archived. */
  isDue: boolean;
}

/** One thing that happened to a card, newest first in `CardDetail.history`. */
export interface HistoryEntry {
  operationId: string;
  at: number;
  date: string;
  kind: "created" | "reviewed" | "archived" | "restored" | "phaseSet";
  /** Of a review. */
  wasSuccessful: boolean | null;
  /** Of a review. */
  seconds: number | null;
  /** Of a phase set by hand. */
  phase: Phase | null;
  /** Whether the server has it. */
  synced: boolean;
}

export interface CardDetail {
  card: Card;
  history: HistoryEntry[];
  /** The next dates on which it comes, if each review succeeds; at most six, with the phase it is in then. */
  upcoming: { date: string; phase: Phase }[];
}

/** How things stand: what every page shows in its frame. */
export interface Overview {
  today: string;
  due: number;
  /** All cards, archived ones too. */
  cards: number;
  /** Reviews with today's date. */
  reviewedToday: number;
  /** Days in a row with a review, today or yesterday the last. */
  dayStreak: number;
  /** The next date after today on which something is due. */
  next: { date: string; count: number } | null;
  account: Account;
  displayMode: ReferenceDisplayMode;
  translation: string;
  /** Operations that wait, and that failed. */
  waiting: number;
  failed: number;
}

export interface Account {
  kind: "guest" | "anonymous" | "user";
  /** Of a user. */
  email: string;
  /** False when the session has ended and the user must sign in again. */
  signedIn: boolean;
}

export type LibraryFilter = {
  /** Words that must appear in reference, translation or text. */
  search: string;
  phase: Phase | "all";
  show: "active" | "due" | "archived";
  sort: "due" | "reference" | "added" | "streak";
};

/** `rows[i]` of a library listing: all that a list row shows. */
export interface LibraryRow {
  verseId: string;
  reference: string;
  translation: string;
  /** The beginning of the words. */
  excerpt: string;
  phase: Phase;
  progress: number;
  needed: number | null;
  streak: number;
  nextDue: string;
  isDue: boolean;
  archived: boolean;
}

/** A window of a listing; `total` is of the whole listing. */
export interface LibraryPage {
  total: number;
  offset: number;
  rows: LibraryRow[];
}

/** One entry of what was typed or pasted. `start` and `end` are UTF-16 offsets into it. */
export interface ParsedEntry {
  input: string;
  start: number;
  end: number;
  /** Understood as this passage. */
  passage: ParsedPassage | null;
  /** Not understood. */
  error: ParseError | null;
}

export interface ParsedPassage {
  verseId: string;
  reference: string;
  /** Text to show; empty where it is not on this device (yet). */
  preview: string;
  verses: number;
  /** "new", or what it is already: on a card, on an archived card (adding restores it), or earlier in the same list. */
  state: "new" | "known" | "archived" | "repeated";
  /** Longer than a card may be. */
  tooLong: boolean;
}

export interface ParseError {
  message: string;
  /** What may have been meant, to be put in its place. */
  suggestion: string | null;
}

export interface NewVerse {
  reference: string;
  translation?: string;
  text?: string;
}

export interface AddResult {
  reference: string;
  outcome: "added" | "duplicate" | "failed";
  card: Card | null;
  error: EngineError | null;
}

export interface StarterPack {
  id: string;
  title: string;
  items: { reference: string; osis: string; known: boolean }[];
}

/** How one operation of the queue or the inbox stands. */
export interface QueueItem {
  id: string;
  /** "create_verse", "record_review", "update_profile", "archive_verse", "restore_verse", "set_phase". */
  kind: string;
  /** What it is about, for people: "John 3:16", "Profile". */
  about: string;
  queuedAt: number;
  retryCount: number;
  state: "waiting" | "sending" | "failed";
  /** Of a failed one: "rejected", "blocked", "too_large", "expired", "retries_exhausted", "forbidden". */
  reason: string | null;
  /** Why it is where it is, in plain words. */
  why: string;
  /** Whether a text of one's own would mend it. */
  needsText: boolean;
  bytes: number;
}

/** How syncing stands, told by whichever tab syncs. */
export interface SyncState {
  phase: "idle" | "waiting" | "sending" | "offline" | "signin" | "upgrade";
  /** Why it waits: "collecting", "in_flight", "backoff", "retry_after", "offline", "session", "upgrade", "idle"; null: it does not. */
  reason: string | null;
  /** Until when it waits, if that is known. */
  until: number | null;
  total: number;
  successful: number;
  failed: number;
  blocked: number;
  pending: number;
  inFlight: number;
  bytesDone: number;
  bytesTotal: number;
  perSecond: number | null;
  etaMs: number | null;
  quality: "good" | "fair" | "poor" | null;
  roundTripMs: number | null;
  /** Operations a batch may hold now. */
  batchSize: number;
  lastSyncAt: number | null;
  /** The last fault, in plain words; null once something succeeded. */
  trouble: string | null;
  /** The last requests, newest first, at most 20. */
  requests: SyncRequest[];
  /** The last operations that were answered, newest first, at most 100. */
  results: OperationOutcome[];
  /** Whether this tab is the one that syncs. */
  leader: boolean;
}

export interface SyncRequest {
  id: string;
  isBatch: boolean;
  operations: number;
  state: "sending" | "done" | "failed";
  successful: number;
  failed: number;
  elapsedMs: number | null;
  bytesSent: number;
}

export interface OperationOutcome {
  id: string;
  kind: string;
  about: string;
  outcome: "applied" | "duplicate" | "failed";
  message: string | null;
  at: number;
}

export interface Profile {
  fullName: string;
  translation: string;
  displayMode: ReferenceDisplayMode;
  /** IANA name. */
  timezone: string;
}

/** Settings of this device. A field that is null has its default. */
export interface DeviceSettings {
  batch: {
    maxBatchSize: number | null;
    batchTimeoutMs: number | null;
    maxRetries: number | null;
    networkAwareThrottling: boolean | null;
    individualOnly: boolean | null;
  };
  /** Milliseconds between two fetches. */
  fetchIntervalMs: number | null;
}

export interface Settings {
  chosen: DeviceSettings;
  /** What holds where nothing is chosen; no field is null. */
  defaults: DeviceSettings;
}

export interface SignedIn {
  adoptedVerses: number;
  adoptedOperations: number;
}

export interface SignedOut {
  parkedOperations: number;
  serverTold: boolean;
}

/** A day with reviews; days without are left out. */
export interface CalendarDay {
  date: string;
  reviews: number;
  successful: number;
}

export interface Statistics {
  calendar: CalendarDay[];
  /** Cards that are not archived, by phase. */
  phases: Record<Phase, number>;
  archived: number;
  /** For each of the next 14 dates, today first: how many cards are due. Overdue ones count today. */
  forecast: { date: string; due: number }[];
  /** Counts by phase at the end of each of the last twelve weeks, oldest first. */
  history: { date: string; phases: Record<Phase, number> }[];
  reviews: number;
  successful: number;
  /** The most days in a row with a review. */
  bestDayStreak: number;
}

/** A translation that can be kept on this device. */
export interface TextState {
  translation: string;
  title: string;
  licence: string;
  pieces: number;
  have: number;
  bytes: number;
  /** Whether it is being fetched now. */
  loading: boolean;
}

export interface StorageState {
  usage: number | null;
  quota: number | null;
  persisted: boolean;
}

/** How close a typed answer comes. */
export interface AnswerScore {
  right: number;
  of: number;
  percent: number;
}

/** History is not taken over: reviews of another day cannot be made again. */
export interface ImportResult {
  added: number;
  duplicates: number;
  /** Cards whose phase was set to the one in the file. */
  phases: number;
  failed: AddResult[];
}

/** Every call: arguments and answer. */
export interface Calls {
  overview: [Record<string, never>, Overview];
  /** Cards due today, oldest due first. */
  due: [Record<string, never>, Card[]];
  library: [{ filter: LibraryFilter; offset: number; limit: number }, LibraryPage];
  card: [{ verseId: string }, CardDetail | null];
  /** Parses what was typed; `translation` null: the preferred one. Fetches the texts it needs, if it can. */
  parse: [{ text: string; translation: string | null }, ParsedEntry[]];
  add: [{ verses: NewVerse[] }, AddResult[]];
  starterPacks: [Record<string, never>, StarterPack[]];
  review: [{ verseId: string; wasSuccessful: boolean; seconds: number | null }, Card];
  score: [{ text: string; typed: string }, AnswerScore];
  archive: [{ verseId: string; archived: boolean }, Card];
  setPhase: [{ verseId: string; phase: Phase }, Card];
  queue: [{ failedOnly: boolean; limit: number }, QueueItem[]];
  retry: [{ ids: string[] }, number];
  discard: [{ ids: string[] }, number];
  supplyText: [{ id: string; text: string }, null];
  /** The queue as text, to be kept as a file. */
  exportQueue: [Record<string, never>, string];
  syncNow: [Record<string, never>, null];
  syncState: [Record<string, never>, SyncState];
  profile: [Record<string, never>, Profile];
  updateProfile: [Partial<Profile>, Profile];
  settings: [Record<string, never>, Settings];
  updateSettings: [DeviceSettings, Settings];
  signUp: [{ email: string; password: string }, SignedIn];
  signIn: [{ email: string; password: string }, SignedIn];
  signOut: [{ everywhere: boolean; forget: boolean }, SignedOut];
  deleteAccount: [Record<string, never>, null];
  /** Everything on this device about the present owner, as text. */
  exportData: [Record<string, never>, string];
  importData: [{ data: string }, ImportResult];
  statistics: [{ from: string }, Statistics];
  texts: [Record<string, never>, TextState[]];
  /** Fetches a translation in pieces; told by `texts` events; answers when all is there. */
  loadTexts: [{ translation: string }, TextState];
  storage: [Record<string, never>, StorageState];
  /** Asks the browser to keep the data even when it runs out of space. */
  persist: [Record<string, never>, StorageState];
}

export type CallName = keyof Calls;

/** What the engine tells without being asked. */
export type EngineEvent =
  /** Something in the store changed, in whatever tab: ask again for what is shown. */
  | { event: "changed"; revision: number }
  | { event: "sync"; state: SyncState }
  | { event: "texts"; state: TextState }
  /** The engine cannot work at all: no storage, or one of a later release. */
  | { event: "broken"; error: EngineError };
