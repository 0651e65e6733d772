// One thing at a time: whether it is going on, and what went wrong with it.

import { useState } from "preact/hooks";
import { type CallError, asCallError } from "./engine/client";
import { toastError } from "./state";

type Run = (work: () => Promise<unknown>, onError?: (error: CallError) => void) => Promise<void>;

/** Errors are shown as a toast unless `onError` takes them. */
export function useBusy(): [busy: boolean, run: Run] {
  const [busy, setBusy] = useState(false);
  const run: Run = async (work, onError = toastError) => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      onError(asCallError(error));
    } finally {
      setBusy(false);
    }
  };
  return [busy, run];
}
