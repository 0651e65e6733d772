// Passages, cards and days for the test double. The same on every run: the clock stands, and nothing is random.

import type { Card, CardDetail, HistoryEntry, Phase, Statistics } from "../../src/engine/api";
import { addDays } from "../../src/format";

/** The day it always is. */
export const TODAY = "2026-03-18";
export const NOW = Date.parse(`${TODAY}T09:30:00Z`);
const DAY_MS = 86_400_000;

const VERSES: [string, string][] = [
  ["John 3:16", "For God so loved the world, that he gave his only begotten Son, that whosoever believeth in him should not perish, but have everlasting life."],
  ["Psalm 23:1-6", "The LORD is my shepherd; I shall not want. He maketh me to lie down in green pastures: he leadeth me beside the still waters. He restoreth my soul: he leadeth me in the paths of righteousness for his name's sake. Yea, though I walk through the valley of the shadow of death, I will fear no evil: for thou art with me; thy rod and thy staff they comfort me. Thou preparest a table before me in the presence of mine enemies: thou anointest my head with oil; my cup runneth over. Surely goodness and mercy shall follow me all the days of my life: and I will dwell in the house of the LORD for ever."],
  ["Romans 8:28", "And we know that all things work together for good to them that love God, to them who are the called according to his purpose."],
  ["Philippians 4:6-7", "Be careful for nothing; but in every thing by prayer and supplication with thanksgiving let your requests be made known unto God. And the peace of God, which passeth all understanding, shall keep your hearts and minds through Christ Jesus."],
  ["Proverbs 3:5-6", "Trust in the LORD with all thine heart; and lean not unto thine own understanding. In all thy ways acknowledge him, and he shall direct thy paths."],
  ["1 Corinthians 13:4-7", "Charity suffereth long, and is kind; charity envieth not; charity vaunteth not itself, is not puffed up, Doth not behave itself unseemly, seeketh not her own, is not easily provoked, thinketh no evil; Rejoiceth not in iniquity, but rejoiceth in the truth; Beareth all things, believeth all things, hopeth all things, endureth all things."],
  ["John 11:35", "Jesus wept."],
  ["Ephesians 2:8-9", "For by grace are ye saved through faith; and that not of yourselves: it is the gift of God: Not of works, lest any man should boast."],
  ["Isaiah 40:31", "But they that wait upon the LORD shall renew their strength; they shall mount up with wings as eagles; they shall run, and not be weary; and they shall walk, and not faint."],
  ["Joshua 1:9", "Have not I commanded thee? Be strong and of a good courage; be not afraid, neither be thou dismayed: for the LORD thy God is with thee whithersoever thou goest."],
  ["Matthew 6:33", "But seek ye first the kingdom of God, and his righteousness; and all these things shall be added unto you."],
  ["Galatians 5:22-23", "But the fruit of the Spirit is love, joy, peace, longsuffering, gentleness, goodness, faith, Meekness, temperance: against such there is no law."],
];

const OWN: [string, string] = ["תהילים כג א", "מזמור לדוד יהוה רעי לא אחסר"];
const PHASES: Phase[] = ["daily", "weekly", "biweekly", "monthly"];
const NEEDED: Record<Phase, number | null> = { daily: 14, weekly: 4, biweekly: 4, monthly: null };
export const PERIOD: Record<Phase, number> = { daily: 1, weekly: 7, biweekly: 14, monthly: 28 };

/** Evenly spread and always the same. */
const spread = (n: number, of: number): number => ((n * 2_654_435_761) >>> 7) % of;

export function makeCard(n: number, due: boolean): Card {
  const isOwn = n % 17 === 12;
  const [reference, text] = isOwn ? OWN : (VERSES[n % VERSES.length] as [string, string]);
  const phase = PHASES[n % 9 < 4 ? 0 : n % 9 < 6 ? 1 : n % 9 < 8 ? 2 : 3] as Phase;
  const needed = NEEDED[phase];
  const progress = needed === null ? 3 : spread(n, needed);
  const streak = spread(n + 3, 19);
  const turn = Math.floor(n / VERSES.length);
  return {
    verseId: `verse-${n}`,
    reference: turn === 0 || isOwn ? reference : reference.replace(/\d+:/, (it) => `${turn}${it}`),
    translation: isOwn ? "" : n % 5 === 4 ? "WEB" : "KJV",
    text,
    isOwnText: isOwn,
    isVerified: !isOwn && n % 7 !== 6,
    phase,
    progress,
    needed,
    streak,
    bestStreak: streak + spread(n, 6),
    lastReviewedAt: n % 10 === 9 ? null : NOW - PERIOD[phase] * DAY_MS,
    nextDue: due ? addDays(TODAY, -(n % 3)) : addDays(TODAY, 1 + spread(n, PERIOD[phase] + 5)),
    slot: { dayOfWeek: 3, weekParity: null, dayOfMonth: null },
    archived: false,
    createdAt: NOW - (20 + n) * DAY_MS,
    isDue: due,
  };
}

export function makeCards(total: number, due: number, archived: number): Card[] {
  const cards = Array.from({ length: total }, (_, n) => makeCard(n, n < due));
  return cards.map((card, n) => (n >= total - archived ? { ...card, archived: true, isDue: false } : card));
}

export function makeDetail(card: Card): CardDetail {
  const history: HistoryEntry[] = Array.from({ length: 22 }, (_, n) => ({
    operationId: `${card.verseId}-${n}`,
    at: NOW - n * DAY_MS - 3_600_000,
    date: addDays(TODAY, -n),
    kind: "reviewed",
    wasSuccessful: n % 6 !== 4,
    seconds: n % 4 === 3 ? null : 12 + spread(n, 50),
    phase: null,
    synced: n > 1,
  }));
  history.push({
    operationId: `${card.verseId}-set`, at: card.createdAt + DAY_MS, date: addDays(TODAY, -23), kind: "phaseSet",
    wasSuccessful: null, seconds: null, phase: "daily", synced: true,
  });
  history.push({
    operationId: `${card.verseId}-new`, at: card.createdAt, date: addDays(TODAY, -24), kind: "created",
    wasSuccessful: null, seconds: null, phase: null, synced: true,
  });
  const upcoming = Array.from({ length: 6 }, (_, n) => ({
    date: addDays(card.nextDue < TODAY ? TODAY : card.nextDue, n * PERIOD[card.phase]),
    phase: (n > 3 && card.phase === "daily" ? "weekly" : card.phase) as Phase,
  }));
  return { card, history, upcoming: card.archived ? [] : upcoming };
}

export function makeStatistics(cards: Card[], from: string): Statistics {
  const active = cards.filter((card) => !card.archived);
  const phases = { daily: 0, weekly: 0, biweekly: 0, monthly: 0 };
  active.forEach((card) => (phases[card.phase] += 1));
  const calendar = [];
  if (active.length > 0) {
    for (let n = 230; n >= 0; n -= 1) {
      const date = addDays(TODAY, -n);
      const reviews = n % 11 === 5 || n % 29 > 24 ? 0 : 1 + spread(n, 14);
      if (reviews > 0 && date >= from) calendar.push({ date, reviews, successful: Math.ceil(reviews * 0.8) });
    }
  }
  const reviews = calendar.reduce((sum, day) => sum + day.reviews, 0);
  const part = (n: number, week: number, rise: number) => Math.round((n * Math.min(12, week + rise)) / 12);
  return {
    calendar,
    phases,
    archived: cards.length - active.length,
    forecast: Array.from({ length: 14 }, (_, n) => ({
      date: addDays(TODAY, n),
      due: n === 0 ? active.filter((card) => card.isDue).length : active.filter((card) => card.nextDue === addDays(TODAY, n)).length,
    })),
    history: Array.from({ length: 12 }, (_, week) => ({
      date: addDays(TODAY, (week - 11) * 7),
      phases: {
        daily: part(phases.daily, week, 5), weekly: part(phases.weekly, week, 2), biweekly: part(phases.biweekly, week, -3),
        monthly: part(phases.monthly, week, 1),
      },
    })).map((it) => ({ ...it, phases: { ...it.phases, biweekly: Math.max(0, it.phases.biweekly) } })),
    reviews,
    successful: calendar.reduce((sum, day) => sum + day.successful, 0),
    bestDayStreak: active.length > 0 ? 31 : 0,
  };
}
