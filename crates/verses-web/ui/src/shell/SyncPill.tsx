// How syncing stands, in a few words, in the header of every page; a link to the page that says more.

import type { Overview, SyncState } from "../engine/api";
import { online, overview, syncState } from "../state";
import { Icon, type IconName } from "../ui/icons";

export interface Standing {
  icon: IconName;
  text: string;
  tone: "" | "warn" | "bad";
  turning: boolean;
}

/** The most pressing thing first. */
export function standing(state: SyncState | null, seen: Overview | null, isOnline: boolean): Standing | null {
  if (!seen) return null;
  const plain = { tone: "" as const, turning: false };
  const { waiting, failed, account } = seen;
  const waits = `${waiting.toLocaleString()} waiting`;
  if (failed > 0) return { icon: "alert", text: `${failed.toLocaleString()} failed`, tone: "bad", turning: false };
  if (state?.phase === "signin" || (account.kind !== "guest" && !account.signedIn)) {
    return { icon: "person", text: "Sign in again", tone: "warn", turning: false };
  }
  if (state?.phase === "upgrade") return { icon: "install", text: "Update needed", tone: "warn", turning: false };
  if (!isOnline || state?.phase === "offline") {
    return { ...plain, icon: "offline", text: waiting > 0 ? `Offline, ${waits}` : "Offline" };
  }
  if (state?.phase === "sending") {
    // Those that failed are not done.
    const text = state.total > 0 ? `Sending ${state.successful.toLocaleString()} of ${state.total.toLocaleString()}` : "Sending";
    return { icon: "sync", text, tone: "", turning: true };
  }
  if (account.kind === "guest") return { ...plain, icon: "check", text: "Saved on this device" };
  if (waiting > 0) return { ...plain, icon: "waiting", text: waits };
  return { ...plain, icon: "cloud", text: "Synced" };
}

export function SyncPill() {
  const now = standing(syncState.value, overview.value, online.value);
  return (
    // Every step of a long run read aloud would drown everything else; its end is.
    <div class="status" role="status" aria-live={now?.turning ? "off" : "polite"}>
      {now && (
        <a class={`pill numbers ${now.tone}`} href="/sync">
          <Icon name={now.icon} size={18} class={now.turning ? "turning" : undefined} />
          <span class="cut">{now.text}</span>
        </a>
      )}
    </div>
  );
}
