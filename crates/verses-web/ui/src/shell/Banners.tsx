// What comes over the page: toasts, the prompts to update and to install, the word that there is no network. At most one
// prompt at a time, the most pressing.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { dismissInstall, install, installPrompt, update, waitingWorker } from "../prompts";
import { dismissToast, online, overview, toasts } from "../state";
import { Button, IconButton } from "../ui/controls";
import { Icon } from "../ui/icons";

/** How long the word that there is no network stays; the pill goes on saying it. */
const OFFLINE_MS = 6000;

const offlineShown = signal(false);

function Prompt() {
  if (waitingWorker.value) {
    return (
      <div class="banner">
        <Icon name="install" />
        <div class="words">A new version is ready.</div>
        <Button tone="primary" onClick={update}>Reload</Button>
      </div>
    );
  }
  if (offlineShown.value) {
    return (
      <div class="banner">
        <Icon name="offline" />
        <div class="words">You are offline. Everything works; changes are sent later.</div>
        <IconButton icon="close" label="Close" onClick={() => (offlineShown.value = false)} />
      </div>
    );
  }
  // Asked when the work of the day is done: before that it would stand in the way.
  const seen = overview.value;
  if (installPrompt.value && seen && seen.cards > 0 && seen.due === 0) {
    return (
      <div class="banner">
        <Icon name="install" />
        <div class="words">Keep Verses on your home screen.</div>
        <Button tone="primary" onClick={() => void install()}>Install</Button>
        <IconButton icon="close" label="Not now" onClick={dismissInstall} />
      </div>
    );
  }
  return null;
}

export function Banners() {
  const isOnline = online.value;
  useEffect(() => {
    offlineShown.value = !isOnline;
    if (isOnline) return;
    const timer = setTimeout(() => (offlineShown.value = false), OFFLINE_MS);
    return () => clearTimeout(timer);
  }, [isOnline]);
  return (
    <aside class="banners" aria-label="Notices">
      <div role="status" class="stack tight">
        {toasts.value.map((it) => (
          <div key={it.id} class={`toast ${it.tone}`}>
            <span>{it.text}</span>
            {it.action && (
              <Button
                tone="quiet"
                onClick={() => {
                  it.action?.run();
                  dismissToast(it.id);
                }}
              >
                {it.action.label}
              </Button>
            )}
            <IconButton icon="close" label="Close" onClick={() => dismissToast(it.id)} />
          </div>
        ))}
      </div>
      <Prompt />
    </aside>
  );
}
