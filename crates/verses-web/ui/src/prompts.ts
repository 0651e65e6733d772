// The prompts to install the app and to take a new version. sw.ts is told {type: "skip-waiting"} when the user agrees.

import { signal } from "@preact/signals";
import { remember, remembered } from "./remembered";

/** What browsers that can install pages hand out; not in the DOM's own types. */
interface InstallEvent extends Event {
  prompt(): Promise<void>;
  userChoice: Promise<{ outcome: "accepted" | "dismissed" }>;
}

const DISMISSED_KEY = "verses.install-dismissed";

/** For the banner; null as well when it was put away. */
export const installPrompt = signal<InstallEvent | null>(null);
/** For whoever looks for it, such as in the settings. */
export const installOffer = signal<InstallEvent | null>(null);
/** The worker of a new version that waits. */
export const waitingWorker = signal<ServiceWorker | null>(null);

export function listenForInstall(): void {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    installOffer.value = event as InstallEvent;
    if (!remembered(DISMISSED_KEY)) installPrompt.value = installOffer.value;
  });
  addEventListener("appinstalled", () => (installPrompt.value = installOffer.value = null));
}

export async function install(): Promise<void> {
  const event = installOffer.value;
  // It can be asked once only.
  installPrompt.value = installOffer.value = null;
  await event?.prompt();
}

export function dismissInstall(): void {
  installPrompt.value = null;
  remember(DISMISSED_KEY, "1");
}

export async function registerServiceWorker(): Promise<void> {
  if (__FAKE__ || !("serviceWorker" in navigator)) return;
  try {
    const registration = await navigator.serviceWorker.register("/sw.js");
    const look = () => {
      // Without a controller this is the first version, which needs no prompt.
      if (registration.waiting && navigator.serviceWorker.controller) waitingWorker.value = registration.waiting;
    };
    look();
    registration.addEventListener("updatefound", () => {
      registration.installing?.addEventListener("statechange", look);
    });
  } catch {
    // The app works without; it only needs the network to open.
  }
}

/** Takes the new version that waits, or the one that another tab has taken already. */
export function update(): void {
  const worker = waitingWorker.value;
  waitingWorker.value = null;
  if (worker?.state !== "installed") return location.reload();
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  worker.postMessage({ type: "skip-waiting" });
}

/** Looks for a new version and takes it: reloading alone would bring back the one that is kept for offline. */
export async function lookForUpdate(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  // Without a network the version that is here stays.
  await registration?.update().catch(() => undefined);
  const coming = registration?.installing;
  if (coming) {
    await new Promise<void>((resolve) => {
      coming.addEventListener("statechange", () => coming.state !== "installing" && resolve());
    });
  }
  waitingWorker.value = registration?.waiting ?? null;
  update();
}
