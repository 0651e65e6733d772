// Dates, times and counts in the words of the user's language and region.

import type { Phase } from "./engine/api";

const DAY_MS = 86_400_000;

/** A date is a calendar day, not a moment: it is read and written in UTC so that no time zone moves it. */
export function parseDate(date: string): Date {
  return new Date(`${date}T00:00:00Z`);
}

export function daysBetween(from: string, to: string): number {
  return Math.round((parseDate(to).getTime() - parseDate(from).getTime()) / DAY_MS);
}

export function addDays(date: string, days: number): string {
  return new Date(parseDate(date).getTime() + days * DAY_MS).toISOString().slice(0, 10);
}

const longDay = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const withYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", timeZone: "UTC" });
const monthName = new Intl.DateTimeFormat(undefined, { month: "short", timeZone: "UTC" });
const moment = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });

export const formatLongDay = (date: string): string => longDay.format(parseDate(date));
export const formatShortDay = (date: string): string => shortDay.format(parseDate(date));
export const formatDate = (date: string): string => withYear.format(parseDate(date));
export const formatMonth = (date: string): string => monthName.format(parseDate(date));
/** Of a moment in milliseconds, in the zone of this device. */
export const formatMoment = (at: number): string => moment.format(at);

/** "today", "tomorrow", "Thursday", "12 Mar": for what is due. */
export function formatWhen(date: string, today: string): string {
  const days = daysBetween(today, date);
  if (days === 0) return "today";
  if (days === 1) return "tomorrow";
  if (days === -1) return "yesterday";
  if (days > 1 && days < 7) return weekday.format(parseDate(date));
  return daysBetween(`${today.slice(0, 4)}-01-01`, date) >= 0 && date.slice(0, 4) === today.slice(0, 4)
    ? shortDay.format(parseDate(date))
    : withYear.format(parseDate(date));
}

/** For the beginning of a line. */
export const capital = (text: string): string => text.replace(/^./u, (first) => first.toUpperCase());

/** "1 passage", "1,200 passages". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

export const PHASE_NAMES: Record<Phase, string> = {
  daily: "Daily",
  weekly: "Weekly",
  biweekly: "Every two weeks",
  monthly: "Monthly",
};

export const PHASES: Phase[] = ["daily", "weekly", "biweekly", "monthly"];
