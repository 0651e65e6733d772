// Which page is open: paths, history, scroll positions, and where the focus goes.

import { signal } from "@preact/signals";

export type PageName = "today" | "add" | "library" | "verse" | "progress" | "sync" | "settings" | "missing";

export interface Route {
  page: PageName;
  /** Of "verse". */
  verseId: string;
  path: string;
}

interface HistoryState {
  scroll?: number;
  /** How many pages of the app lie before this one. */
  depth?: number;
}

/** Where to choose from the starter lists. */
export const STARTER_HASH = "#starter";
export const STARTER_LISTS = `/add${STARTER_HASH}`;

const PAGES: Record<string, PageName> = {
  "": "today",
  today: "today",
  add: "add",
  library: "library",
  progress: "progress",
  sync: "sync",
  settings: "settings",
};

/** Rows may have to be loaded before the page is as long as it was. */
const RESTORE_SCROLL_MS = 1500;

function parse(path: string): Route {
  const [first = "", second, ...rest] = path.replace(/^\/+|\/+$/g, "").split("/");
  if (rest.length === 0 && first === "library" && second) {
    return { page: "verse", verseId: decodeURIComponent(second), path };
  }
  return { page: second === undefined ? (PAGES[first] ?? "missing") : "missing", verseId: "", path };
}

function historyState(): HistoryState {
  return (history.state ?? {}) as HistoryState;
}

export const route = signal<Route>(parse(location.pathname));

/** Set by navigation, taken by the h1 that appears next: the first page must not take the focus. */
let wantsFocus = false;
/** The one that took the focus last. */
let lastHeading: HTMLElement | null = null;
let scrollGoal: number | null = null;

function saveScroll(): void {
  history.replaceState({ ...historyState(), scroll: scrollY }, "");
}

export function versePath(verseId: string): string {
  return `/library/${encodeURIComponent(verseId)}`;
}

export function navigate(path: string, options: { replace?: boolean } = {}): void {
  const url = new URL(path, location.href);
  saveScroll();
  const depth = historyState().depth ?? 0;
  // The query is kept: it chooses the scenario of the test double, and pages may use it.
  const target = url.pathname + (url.search || location.search) + url.hash;
  if (options.replace) history.replaceState({ depth }, "", target);
  else history.pushState({ depth: depth + 1 }, "", target);
  wantsFocus = true;
  scrollGoal = 0;
  route.value = parse(url.pathname);
}

/** One page back if it is of this app, otherwise to `fallback`. */
export function goBack(fallback: string): void {
  if ((historyState().depth ?? 0) > 0) history.back();
  else navigate(fallback, { replace: true });
}

function restoreScroll(): void {
  const goal = scrollGoal;
  scrollGoal = null;
  if (goal === null) return;
  const end = performance.now() + RESTORE_SCROLL_MS;
  let last = -1;
  const step = () => {
    // Whoever scrolls meanwhile decides.
    if (last >= 0 && Math.abs(scrollY - last) > 2) return;
    scrollTo(0, goal);
    last = scrollY;
    if (Math.abs(scrollY - goal) > 1 && performance.now() < end) requestAnimationFrame(step);
  };
  step();
}

/** For the h1 of a page, once it is there. */
export function arrived(heading: HTMLElement, title: string): void {
  document.title = title === "Verses" ? title : `${title} · Verses`;
  // A page whose script is late has one heading before, and another after.
  const isLost = lastHeading?.isConnected === false && document.activeElement === document.body;
  if (wantsFocus || isLost) {
    wantsFocus = false;
    lastHeading = heading;
    heading.focus({ preventScroll: true });
  }
  restoreScroll();
}

export function startRouter(): void {
  history.scrollRestoration = "manual";
  scrollGoal = historyState().scroll ?? null;
  addEventListener("popstate", () => {
    const next = parse(location.pathname);
    if (next.path === route.value.path) return;
    wantsFocus = true;
    scrollGoal = historyState().scroll ?? 0;
    route.value = next;
  });
  // popstate comes after the browser left the entry, too late to save its position: it is saved as it changes.
  let timer: ReturnType<typeof setTimeout> | undefined;
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(saveScroll, 150);
  }, { passive: true });
  addEventListener("pagehide", saveScroll);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
      return;
    }
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.getAttribute("href")?.startsWith("#")) return;
    event.preventDefault();
    navigate(link.pathname + link.search + link.hash);
  });
}
