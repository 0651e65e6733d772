// From what was understood to what is added, and what then stays in the field.

import type { AddResult, NewVerse, ParsedEntry } from "../../engine/api";
import { asCallError, call } from "../../engine/client";

/** So many at a time: the page can tell how far it is, and what is done stays done. */
const CHUNK = 100;

export interface Outcome {
  added: number;
  restored: number;
  known: number;
  failures: AddResult[];
  /** Where to look at the only one that was added. */
  verseId: string | null;
  /** What stays in the field. */
  rest: string;
}

/** Whether an entry can be added: new, or in the archive, and not too long. */
export function isAddable({ passage }: ParsedEntry): boolean {
  return passage !== null && !passage.tooLong && (passage.state === "new" || passage.state === "archived");
}

/** Whether something must be done about an entry before it can be added. */
export function needsLook({ passage, error }: ParsedEntry): boolean {
  return error !== null || passage?.tooLong === true;
}

/** Adds in pieces. When a later piece throws, what comes from there on is told as failed: what went before is added. */
export async function addInPieces(verses: NewVerse[], onProgress: (done: number) => void): Promise<AddResult[]> {
  const results: AddResult[] = [];
  for (let from = 0; from < verses.length; from += CHUNK) {
    onProgress(from);
    try {
      results.push(...(await call("add", { verses: verses.slice(from, from + CHUNK) })));
    } catch (thrown) {
      if (from === 0) throw thrown;
      const error = asCallError(thrown);
      return [...results, ...verses.slice(from).map(({ reference }) => ({ reference, outcome: "failed" as const, card: null, error }))];
    }
  }
  return results;
}

/** The results of the addable entries, in their order, told together. */
export function outcomeOf(entries: ParsedEntry[], results: AddResult[]): Outcome {
  const addable = entries.filter(isAddable);
  const failed = new Set<ParsedEntry>(entries.filter(needsLook));
  const outcome: Outcome = { added: 0, restored: 0, known: 0, failures: [], verseId: null, rest: "" };
  addable.forEach((entry, n) => {
    const result = results[n];
    if (!result || result.outcome === "failed") {
      failed.add(entry);
      if (result) outcome.failures.push(result);
    } else if (entry.passage?.state === "archived") outcome.restored += 1;
    else if (result.outcome === "added") outcome.added += 1;
    else outcome.known += 1;
  });
  outcome.known += entries.filter(({ passage }) => passage?.state === "known" && !passage.tooLong).length;
  if (outcome.added + outcome.restored === 1) {
    outcome.verseId = results.find((it) => it.outcome !== "failed")?.card?.verseId ?? null;
  }
  outcome.rest = restOf(entries, failed);
  return outcome;
}

/** A part of the text may hold several passages: only those that failed stay of it, by name. */
function restOf(entries: ParsedEntry[], failed: Set<ParsedEntry>): string {
  const parts = new Map<number, ParsedEntry[]>();
  for (const entry of entries) parts.set(entry.start, [...(parts.get(entry.start) ?? []), entry]);
  const lines: string[] = [];
  for (const part of parts.values()) {
    const left = part.filter((entry) => failed.has(entry));
    const [first] = left;
    if (!first) continue;
    lines.push(left.length === part.length ? first.input : left.map((it) => it.passage?.reference ?? it.input).join("; "));
  }
  return lines.join("\n");
}

/** What the field holds when all is added: what could not be, and what was typed behind it meanwhile. */
export function fieldAfter(field: string, added: string, rest: string): string {
  if (field === added) return rest;
  if (!field.startsWith(added)) return field;
  const typed = field.slice(added.length).replace(/^[\s;,]+/, "");
  return rest && typed ? `${rest}\n${typed}` : rest + typed;
}
