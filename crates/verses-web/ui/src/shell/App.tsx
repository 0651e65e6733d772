// The app: the frame around whichever page is open. Pages other than Today are loaded when they are first wanted.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { asCallError } from "../engine/client";
import { Today } from "../pages/today";
import { type PageName, route } from "../router";
import { broken, overview } from "../state";
import { ButtonLink } from "../ui/controls";
import { EmptyState, ErrorState, PageHead, Skeleton } from "../ui/display";
import { Banners } from "./Banners";
import { Frame, Opening } from "./Frame";
import { SyncPill } from "./SyncPill";

type Page = ComponentType<{ verseId: string }>;
type LazyPage = Exclude<PageName, "today" | "missing">;

const TITLES: Record<LazyPage, string> = {
  add: "Add",
  library: "Library",
  verse: "Passage",
  progress: "Progress",
  sync: "Sync",
  settings: "Settings",
};

let loadedPages: Record<LazyPage, Page> | null = null;
let styles: Promise<void> | null = null;

/** The style sheet of the pages other than Today. */
function loadStyles(): Promise<void> {
  styles ??= new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = __PAGES_CSS__;
    link.onload = () => resolve();
    link.onerror = () => {
      styles = null;
      link.remove();
      reject(new Error("A part of the app could not be loaded. Check the network."));
    };
    document.head.append(link);
  });
  return styles;
}

/** Fetches the other pages, which are in one file. */
async function loadPages(): Promise<void> {
  const [pages] = await Promise.all([import("../pages/rest"), loadStyles()]);
  loadedPages = pages;
}

/** Does it while nothing else is to do, so that they open at once. What cannot be loaded now is loaded when it is opened. */
export const loadPagesAhead = (): Promise<void> => loadPages().catch(() => undefined);

function Lazy({ name, verseId }: { name: LazyPage; verseId: string }) {
  const [, setLoaded] = useState(0);
  const [error, setError] = useState<Error | null>(null);
  const [attempt, setAttempt] = useState(0);
  const Loaded = loadedPages?.[name];
  useEffect(() => {
    if (loadedPages) return;
    let isWanted = true;
    setError(null);
    loadPages().then(
      () => isWanted && setLoaded((n) => n + 1),
      (reason: unknown) => isWanted && setError(asCallError(reason)),
    );
    return () => void (isWanted = false);
  }, [name, attempt]);
  if (Loaded) return <Loaded verseId={verseId} />;
  return (
    <>
      <PageHead title={TITLES[name]} />
      {error ? (
        <ErrorState title="This page could not be loaded" error={error} onRetry={() => setAttempt(attempt + 1)} />
      ) : (
        <div class="stack" aria-busy="true">
          <Skeleton height="3rem" />
          <Skeleton height="12rem" />
        </div>
      )}
    </>
  );
}

function Missing() {
  return (
    <>
      <PageHead title="Not found" />
      <EmptyState
        icon="search"
        title="There is no such page"
        actions={<ButtonLink href="/today" tone="primary">Go to Today</ButtonLink>}
      />
    </>
  );
}

function CurrentPage() {
  const { page, verseId } = route.value;
  if (broken.value) {
    return (
      <>
        <PageHead title="Verses" />
        <ErrorState title="Verses cannot open" error={broken.value} onRetry={() => location.reload()} />
      </>
    );
  }
  if (page === "today") return <Today />;
  // Until then the page is as index.html has it.
  if (!overview.value) return <Opening />;
  if (page === "missing") return <Missing />;
  return <Lazy key={page} name={page} verseId={verseId} />;
}

export function App() {
  const isOpen = overview.value !== null;
  useEffect(() => {
    if (!isOpen) return;
    const later = window.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 2000));
    later(() => void loadPagesAhead());
  }, [isOpen]);
  return (
    <>
      <Frame page={isOpen ? route.value.page : null} due={overview.value?.due ?? 0} status={<SyncPill />}>
        <CurrentPage />
      </Frame>
      <Banners />
    </>
  );
}
