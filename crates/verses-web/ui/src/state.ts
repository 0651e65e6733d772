// What every page shares: how things stand, syncing, theme, toasts, and the prompts to install and to update.

import { computed, effect, signal } from "@preact/signals";
import type { EngineError, Overview, SyncState } from "./engine/api";
import { announce, asCallError, call, onEvent } from "./engine/client";
import { remember, remembered } from "./remembered";
import { rememberedTheme, rememberTheme, showTheme } from "./theme";

export const overview = signal<Overview | null>(null);
export const syncState = signal<SyncState | null>(null);
/** Set when the engine cannot work at all. */
export const broken = signal<EngineError | null>(null);
/** What the browser says; a network that it takes for good may still be none. */
export const online = signal(navigator.onLine);

/** Many changes may come at once while syncing; pages ask again once in this time. */
export const CHANGE_DEBOUNCE_MS = 120;

/** How often a page that stays open looks whether there is a new day. */
const DAY_LOOK_MS = 60_000;

/** Calls `listener` after changes, at most once in `CHANGE_DEBOUNCE_MS`. Gives what stops it. */
export function onChanged(listener: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = onEvent((event) => {
    if (event.event !== "changed" || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      listener();
    }, CHANGE_DEBOUNCE_MS);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}

export async function refreshOverview(): Promise<void> {
  try {
    const before = overview.value?.today;
    const seen = await call("overview", {});
    overview.value = seen;
    // Nobody has written anything, but other passages are due: every page asks anew.
    if (before !== undefined && before !== seen.today) announce({ event: "changed", revision: 0 });
  } catch (error) {
    // A later one may succeed; without a first one there is nothing to show.
    if (!overview.value) broken.value = asCallError(error);
  }
}

/** Calls `forget` when the data become those of somebody else, so that nothing kept of the one shows to the other. A guest who
 * makes an account or signs in stays the same person. */
export function onOwnerChange(forget: () => void): void {
  let owner: Overview["account"] | undefined;
  effect(() => {
    const account = overview.value?.account;
    if (!account) return;
    if (owner && owner.kind !== "guest" && (owner.kind !== account.kind || owner.email !== account.email)) forget();
    owner = account;
  });
}

/** Begins to listen, and asks for the first values once `first` is over. */
export function start(first: Promise<void>): void {
  onEvent((event) => {
    if (event.event === "sync") syncState.value = event.state;
    if (event.event === "broken") broken.value = event.error;
  });
  onChanged(() => void refreshOverview());
  addEventListener("online", () => (online.value = true));
  addEventListener("offline", () => (online.value = false));
  // A page kept open overnight must show the new day, whether it was looked at all the time or not.
  const look = () => {
    if (document.visibilityState === "visible") void refreshOverview();
  };
  document.addEventListener("visibilitychange", look);
  setInterval(look, DAY_LOOK_MS);
  void first.then(() => {
    void refreshOverview();
    call("syncState", {}).then(
      (state) => (syncState.value ??= state),
      () => undefined,
    );
  });
}

// Theme

export const theme = signal(rememberedTheme());

effect(() => {
  showTheme(theme.value);
  rememberTheme(theme.value);
});

// References

const DISPLAY_KEY = "verses.display";

/** How references are shown. Until the engine says it, as it was the last time; and nothing is given away before anybody knows. */
export const displayMode = computed<Overview["displayMode"]>(() => {
  const known = remembered(DISPLAY_KEY);
  return overview.value?.displayMode ?? (known === "full" || known === "first" ? known : "blank");
});

effect(() => {
  if (overview.value) remember(DISPLAY_KEY, overview.value.displayMode);
});

// Toasts

export interface ToastMessage {
  id: number;
  text: string;
  tone: "plain" | "good" | "bad";
  action?: { label: string; run(): void };
}

const TOAST_MS = 5000;
/** Those with something to press stay longer. */
const TOAST_WITH_ACTION_MS = 12_000;
let lastToast = 0;

export const toasts = signal<ToastMessage[]>([]);

export function toast(text: string, options: Partial<Pick<ToastMessage, "tone" | "action">> = {}): void {
  lastToast += 1;
  const message: ToastMessage = { id: lastToast, text, tone: "plain", ...options };
  toasts.value = [...toasts.value.slice(-2), message];
  setTimeout(() => dismissToast(message.id), options.action ? TOAST_WITH_ACTION_MS : TOAST_MS);
}

export function dismissToast(id: number): void {
  toasts.value = toasts.value.filter((it) => it.id !== id);
}

/** Shows a failed call. */
export function toastError(error: unknown): void {
  toast(asCallError(error).message, { tone: "bad" });
}
