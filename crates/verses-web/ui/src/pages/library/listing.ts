// The rows of a listing, asked for in windows as they come into sight, and kept while other pages are open, so that going
// back finds the list as it was.

import { signal } from "@preact/signals";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { LibraryFilter, LibraryRow } from "../../engine/api";
import { type CallError, asCallError, call } from "../../engine/client";
import { onChanged, onOwnerChange } from "../../state";

/** Rows asked for at once. */
const WINDOW = 100;

export const NO_FILTER: LibraryFilter = { search: "", phase: "all", show: "active", sort: "due" };
export const filter = signal<LibraryFilter>(NO_FILTER);
onOwnerChange(() => (filter.value = NO_FILTER));

interface Listing {
  key: string;
  /** Null until known. */
  total: number | null;
  windows: Map<number, LibraryRow[]>;
  /** Windows to ask for again when they come into sight. */
  stale: Set<number>;
}

const empty = (key: string): Listing => ({ key, total: null, windows: new Map(), stale: new Set() });

let listing = empty("");
onOwnerChange(() => (listing = empty("")));

/** A row seen in the last listing. */
export function rowOf(verseId: string): LibraryRow | undefined {
  for (const rows of listing.windows.values()) {
    const row = rows.find((it) => it.verseId === verseId);
    if (row) return row;
  }
  return undefined;
}

export interface Rows {
  total: number | null;
  error: CallError | null;
  loading: boolean;
  row: (index: number) => LibraryRow | undefined;
  /** Says which rows are in sight. */
  see: (from: number, to: number) => void;
  reload: () => void;
}

export function useListing(wanted: LibraryFilter): Rows {
  const key = JSON.stringify(wanted);
  const [, draw] = useState(0);
  const [error, setError] = useState<CallError | null>(null);
  const [loading, setLoading] = useState(true);
  const seen = useRef({ from: 0, to: 1 });
  const latest = useRef({ key, wanted });
  latest.current = { key, wanted };
  const asked = useRef(new Set<string>());
  /** Counts what has changed. */
  const changes = useRef(0);

  const fetchWindow = useCallback(async (window: number) => {
    const mine = latest.current;
    const mark = `${window} ${mine.key}`;
    if (asked.current.has(mark)) return;
    asked.current.add(mark);
    const before = changes.current;
    let isStale = false;
    setLoading(true);
    try {
      const page = await call("library", { filter: mine.wanted, offset: window * WINDOW, limit: WINDOW });
      // The answer to a filter that is no more.
      if (mine.key !== latest.current.key) return;
      // The old rows stay in sight until the first of the new ones are there.
      if (listing.key !== mine.key) listing = empty(mine.key);
      listing.total = page.total;
      listing.windows.set(window, page.rows);
      // Something has changed while this was answered.
      isStale = before !== changes.current;
      if (!isStale) listing.stale.delete(window);
      setError(null);
    } catch (reason) {
      if (mine.key === latest.current.key) setError(asCallError(reason));
    } finally {
      asked.current.delete(mark);
      setLoading(asked.current.size > 0);
      draw((n) => n + 1);
    }
    if (isStale) fetchSeen();
  }, []);

  const fetchSeen = useCallback(() => {
    const { from, to } = seen.current;
    const last = Math.floor(Math.max(from, to - 1) / WINDOW);
    for (let window = Math.floor(from / WINDOW); window <= last; window += 1) {
      const isHere = listing.key === latest.current.key && listing.windows.has(window) && !listing.stale.has(window);
      if (!isHere) void fetchWindow(window);
    }
  }, [fetchWindow]);

  const see = useCallback((from: number, to: number) => {
    seen.current = { from, to };
    fetchSeen();
  }, [fetchSeen]);

  const reload = useCallback(() => {
    changes.current += 1;
    listing.stale = new Set(listing.windows.keys());
    fetchSeen();
  }, [fetchSeen]);

  useEffect(() => {
    // Another filter begins at the top; the same one is asked again, for it may have changed meanwhile.
    if (listing.key !== key) seen.current = { from: 0, to: 1 };
    reload();
  }, [key, reload]);
  useEffect(() => onChanged(reload), [reload]);

  return {
    total: listing.total,
    error,
    loading,
    row: (index) => listing.windows.get(Math.floor(index / WINDOW))?.[index % WINDOW],
    see,
    reload,
  };
}
