// What was typed, as the engine understands it: asked after a short rest, and only the newest answer counts.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ParsedEntry } from "../../engine/api";
import { type CallError, asCallError, call } from "../../engine/client";
import { onChanged } from "../../state";

/** A long list takes a moment to be understood: it may rest longer. */
const REST_MS = 150;
const LONG_REST_MS = 400;
const LONG_FROM = 4000;

export interface Parsed {
  /** What the entries belong to; the field may be ahead of it. */
  text: string;
  entries: ParsedEntry[];
  error: CallError | null;
}

const NOTHING: Parsed = { text: "", entries: [], error: null };

/** `fresh` changes when the same text may give another answer; `paused`: the answer would be old at once. */
export function useParsed(text: string, translation: string | null, fresh: unknown, paused: boolean): Parsed & { retry(): void; clear(): void } {
  const [parsed, setParsed] = useState<Parsed>(NOTHING);
  const [round, setRound] = useState(0);
  const turn = useRef(0);
  const retry = () => setRound((n) => n + 1);
  useEffect(() => onChanged(retry), []);
  useEffect(() => {
    turn.current += 1;
    const mine = turn.current;
    if (paused) return;
    if (!text.trim()) {
      setParsed({ text, entries: [], error: null });
      return;
    }
    const timer = setTimeout(() => {
      call("parse", { text, translation }).then(
        (entries) => mine === turn.current && setParsed({ text, entries, error: null }),
        (error: unknown) => mine === turn.current && setParsed((old) => ({ ...old, error: asCallError(error) })),
      );
    }, text.length > LONG_FROM ? LONG_REST_MS : REST_MS);
    return () => clearTimeout(timer);
  }, [text, translation, fresh, paused, round]);
  return { ...parsed, retry, clear: () => setParsed(NOTHING) };
}
