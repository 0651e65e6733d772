// The frame of the app: header, navigation, and the place of the page. It computes nothing and uses no hooks, because
// build.mjs writes it into index.html as well, where it shows before any script runs.

import type { ComponentChildren } from "preact";
import type { PageName } from "../router";
import { Icon, type IconName, Mark } from "../ui/icons";

const TABS: { page: PageName; href: string; label: string; icon: IconName }[] = [
  { page: "today", href: "/today", label: "Today", icon: "today" },
  { page: "library", href: "/library", label: "Library", icon: "library" },
  { page: "add", href: "/add", label: "Add", icon: "add" },
  { page: "progress", href: "/progress", label: "Progress", icon: "progress" },
  { page: "settings", href: "/settings", label: "Settings", icon: "settings" },
];

interface FrameProps {
  page: PageName | null;
  due: number;
  /** The sync status. */
  status: ComponentChildren;
  children: ComponentChildren;
}

export function Frame({ page, due, status, children }: FrameProps) {
  const isBroad = page === "progress";
  return (
    <>
      <a class="skip" href="#main">Skip to the page</a>
      <header class="top">
        <a class="brand" href="/today">
          <Mark />
          Verses
        </a>
        {status}
      </header>
      <nav class="tabs" aria-label="Pages">
        <ul>
          {TABS.map((tab) => {
            const isCurrent = tab.page === page || (tab.page === "library" && page === "verse");
            return (
              <li key={tab.page}>
                <a href={tab.href} aria-current={isCurrent ? "page" : undefined}>
                  <Icon name={tab.icon} size={22} />
                  {tab.label}
                  {tab.page === "today" && due > 0 && (
                    <span class="count numbers">
                      {due > 99 ? "99+" : due}
                      <span class="unseen"> due</span>
                    </span>
                  )}
                </a>
              </li>
            );
          })}
        </ul>
      </nav>
      {/* Another element when the width differs: one that moves would be a shift of the layout. */}
      <main key={isBroad} id="main" class={isBroad ? "page broad" : "page"} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

/** Until the engine answers for the first time. */
export function Opening() {
  return (
    <div class="opening">
      <Mark size={56} />
      <h1 tabIndex={-1}>Memorise Bible passages</h1>
      <p class="soft">On any network, or none. What you add and review is saved on this device first.</p>
      <p class="wait">Opening your verses…</p>
      <p class="soft small">The first visit loads the whole app. After that it opens at once, even offline.</p>
    </div>
  );
}

/** What index.html holds. */
export function StaticShell() {
  return (
    <Frame page={null} due={0} status={null}>
      <Opening />
    </Frame>
  );
}
