// How syncing stands in plain words: what goes on, why it waits, why something failed and what helps.

import type { Overview, SyncState } from "../../engine/api";
import { count } from "../../format";
import type { IconName } from "../../ui/icons";

export const KINDS: Record<string, string> = {
  create_verse: "New passage",
  record_review: "Review",
  update_profile: "Change of your profile",
  archive_verse: "Put away in the archive",
  restore_verse: "Brought back from the archive",
  set_phase: "Change of phase",
};

export const changes = (n: number): string => count(n, "change");

/** What helps, by the reason of a failure; `why` of the item says what happened. */
export const HELP: Record<string, string> = {
  rejected: "Try again if something has changed since.",
  blocked: "It goes by itself once that one is saved.",
  too_large: "Remove it, and add the passage in smaller parts.",
  expired: "Try again to send it now.",
  retries_exhausted: "It is safe here. Try again.",
  forbidden: "Sign in to the account it belongs to, then try again.",
};

export const QUALITY: Record<"good" | "fair" | "poor", { name: string; tone: "good" | "warn" | "bad"; means: string }> = {
  good: { name: "Good", tone: "good", means: "Many changes travel together." },
  fair: { name: "Fair", tone: "warn", means: "Batches are a little smaller, so that each gets through in time." },
  poor: { name: "Poor", tone: "bad", means: "Batches are kept small: if the connection breaks, little has to be sent again." },
};

export interface Headline {
  icon: IconName;
  title: string;
  text: string;
  tone: "plain" | "good" | "warn" | "bad";
  /** What the moment in `until` brings. */
  then: string;
}

const REASONS: Record<string, { title: string; text: string }> = {
  collecting: { title: "About to send", text: "A short wait lets more changes travel together." },
  retry_after: { title: "The server asked for a pause", text: "It is busy. Your changes are safe here." },
  backoff: { title: "Waiting to try again", text: "The last try did not work. Your changes are safe here." },
};

/** The most pressing thing first. */
export function headline(state: SyncState, seen: Overview, isOnline: boolean): Headline {
  const { waiting, failed, account } = seen;
  const says = (icon: IconName, title: string, text: string, tone: Headline["tone"] = "plain", then = "Next try") =>
    ({ icon, title, text, tone, then });
  if (account.kind === "guest") {
    return says("check", "Saved on this device only", "With an account your passages are safe if this device is lost, and on your "
      + "other devices too.");
  }
  if (state.phase === "signin" || !account.signedIn) {
    return says("person", "Sign in again to go on", "Your session has ended. Your changes wait on this device.", "warn");
  }
  if (state.phase === "upgrade") {
    return says("install", "A new version is needed", "Reload the page to get it. Nothing is lost.",
      "warn", "Asks again");
  }
  if (!isOnline || state.phase === "offline") {
    const text = waiting > 0 ? `${changes(waiting)} on this device ${waiting === 1 ? "goes" : "go"} out` : "What you do is saved here and goes out";
    return says("offline", "You are offline", `${text} by itself once there is a network.`);
  }
  if (state.phase === "sending") return says("sync", "Sending your changes", "You can go on; nothing here needs to stay open.");
  if (state.phase === "waiting") {
    const known = REASONS[state.reason ?? ""] ?? { title: "Waiting to send", text: "It goes by itself." };
    return says("waiting", known.title, known.text, "plain", state.reason === "collecting" ? "Goes" : "Next try");
  }
  if (failed > 0) return says("alert", "Not everything could be saved", "Look at what needs your attention below.", "bad");
  if (waiting > 0) return says("waiting", "Waiting to send", "It goes by itself.");
  return says("check", "Everything is saved", "Your passages are the same here and in your account.", "good");
}

/** Why "Sync now" cannot be pressed; null: it can. */
export function whyNot(state: SyncState, seen: Overview, isOnline: boolean): string | null {
  if (seen.account.kind === "guest") return "Syncing needs an account.";
  if (state.phase === "signin" || !seen.account.signedIn) return "Sign in again first.";
  if (!isOnline) return "There is no network just now.";
  if (state.phase === "upgrade") return "Reload the page first.";
  if (state.phase === "sending") return "It is sending just now.";
  return null;
}

/** "80 saved, 6 need your attention, 154 waiting": the failed never count as done. */
export function tally({ successful, failed, pending }: SyncState): string {
  return [
    `${successful.toLocaleString()} saved`,
    failed > 0 && `${failed.toLocaleString()} ${failed === 1 ? "needs" : "need"} your attention`,
    pending > 0 && `${pending.toLocaleString()} waiting`,
  ].filter(Boolean).join(", ");
}
