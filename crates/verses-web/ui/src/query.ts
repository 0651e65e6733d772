// A call as a hook: loads, keeps the last value while it loads again, and asks again when something changed.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { CallName, Calls } from "./engine/api";
import { type CallError, asCallError, call } from "./engine/client";
import { onChanged, onOwnerChange } from "./state";

/** Asked for before a page did, so that nothing has to be drawn first. */
const ahead = new Map<string, Promise<unknown>>();

const keyOf = (name: CallName, args: unknown): string => `${name} ${JSON.stringify(args)}`;

/** Asks for what a page will ask for. Gives when it is answered, in whatever way: whoever takes the answer hears of a failure. */
export function askAhead<N extends CallName>(name: N, args: Calls[N][0]): Promise<void> {
  const answer = call(name, args);
  ahead.set(keyOf(name, args), answer);
  return answer.then(() => undefined, () => undefined);
}

function ask<N extends CallName>(name: N, args: Calls[N][0]): Promise<Calls[N][1]> {
  const key = keyOf(name, args);
  const coming = ahead.get(key);
  ahead.delete(key);
  return (coming ?? call(name, args)) as Promise<Calls[N][1]>;
}

export interface Query<T> {
  data: T | undefined;
  error: CallError | null;
  loading: boolean;
  reload(): void;
}

/** Answers kept so that going back shows a page at once. */
const MAX_KEPT = 40;
const kept = new Map<string, unknown>();

onOwnerChange(() => kept.clear());

function keep(key: string, value: unknown): void {
  kept.delete(key);
  kept.set(key, value);
  const oldest = kept.keys().next();
  if (kept.size > MAX_KEPT && !oldest.done) kept.delete(oldest.value);
}

/** `live: false` leaves what is shown alone when something changes. */
export function useQuery<N extends CallName>(
  name: N,
  args: Calls[N][0],
  options: { live?: boolean } = {},
): Query<Calls[N][1]> {
  type Answer = Calls[N][1];
  const { live = true } = options;
  const key = keyOf(name, args);
  const [state, setState] = useState<{ key: string; data: Answer | undefined; error: CallError | null; loading: boolean }>(
    () => ({ key, data: kept.get(key) as Answer | undefined, error: null, loading: true }),
  );
  // Answers may come in another order than the calls; only that of the latest counts.
  const turn = useRef(0);
  const latest = useRef({ key, args });
  latest.current = { key, args };

  const reload = useCallback(() => {
    turn.current += 1;
    const mine = turn.current;
    const { key: asked, args: given } = latest.current;
    setState((old) => ({ ...old, loading: true }));
    ask(name, given).then(
      (data) => {
        keep(asked, data);
        if (mine === turn.current) setState({ key: asked, data, error: null, loading: false });
      },
      (error: unknown) => {
        if (mine !== turn.current) return;
        setState((old) => ({ ...old, key: asked, error: asCallError(error), loading: false }));
      },
    );
  }, [name]);

  useEffect(() => {
    const known = kept.get(key) as Answer | undefined;
    if (known !== undefined) setState((old) => ({ ...old, key, data: known, error: null }));
    reload();
    return () => void (turn.current += 1);
  }, [key, reload]);
  useEffect(() => (live ? onChanged(reload) : undefined), [live, reload]);

  return { data: state.data, error: state.error, loading: state.loading || state.key !== key, reload };
}
