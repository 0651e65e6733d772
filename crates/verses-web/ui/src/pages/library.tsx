// Library: every passage, to be searched, filtered and opened.

import { useEffect, useState } from "preact/hooks";
import type { LibraryFilter, LibraryRow } from "../engine/api";
import { PHASES, PHASE_NAMES, count, formatWhen } from "../format";
import { STARTER_LISTS, versePath } from "../router";
import { overview } from "../state";
import { Button, ButtonLink, type Choice, Segmented, Select } from "../ui/controls";
import { Badge, EmptyState, ErrorState, PageHead, Skeleton } from "../ui/display";
import { Icon } from "../ui/icons";
import { VirtualList } from "../ui/VirtualList";
import { NO_FILTER, filter, useListing } from "./library/listing";

/** Pixels; all rows are as high, so that the length of the list is known before its rows are. */
const ROW_HEIGHT = 96;
const SEARCH_AFTER_MS = 200;

const SHOWN: Choice<LibraryFilter["show"]>[] = [
  { value: "active", label: "Learning" },
  { value: "due", label: "Due" },
  { value: "archived", label: "Archived" },
];
const SORTS: Choice<LibraryFilter["sort"]>[] = [
  { value: "due", label: "Next due" },
  { value: "reference", label: "Bible order" },
  { value: "added", label: "Last added" },
  { value: "streak", label: "Longest streak" },
];
const PHASE_CHOICES: Choice<LibraryFilter["phase"]>[] = [
  { value: "all", label: "All" },
  ...PHASES.map((phase) => ({ value: phase, label: PHASE_NAMES[phase] })),
];

function Filters() {
  const { search, phase, show, sort } = filter.value;
  const [typed, setTyped] = useState(search);
  // Cleared from elsewhere.
  useEffect(() => setTyped(search), [search]);
  useEffect(() => {
    if (typed === filter.value.search) return;
    const timer = setTimeout(() => set({ search: typed }), SEARCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const set = (change: Partial<LibraryFilter>) => (filter.value = { ...filter.value, ...change });
  return (
    <search class="filters">
      <div class="with-icon">
        <Icon name="search" />
        <input
          class="input"
          type="search"
          aria-label="Search reference, translation or words"
          placeholder="Search reference or words"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </div>
      <Segmented label="Which passages" value={show} choices={SHOWN} onChange={(value) => set({ show: value })} />
      <div class="choices">
        <Select label="How often" value={phase} choices={PHASE_CHOICES} onChange={(value) => set({ phase: value })} />
        <Select label="Order" value={sort} choices={SORTS} onChange={(value) => set({ sort: value })} />
      </div>
    </search>
  );
}

function Place({ row, today }: { row: LibraryRow; today: string }) {
  const name = PHASE_NAMES[row.phase];
  return (
    <span class="facts small soft numbers">
      <span>{row.needed === null ? name : `${name}, ${row.progress} of ${row.needed}`}</span>
      {!row.archived && !row.isDue && <span>{`next ${formatWhen(row.nextDue, today)}`}</span>}
      {row.streak > 1 && <span>{`${row.streak} in a row`}</span>}
    </span>
  );
}

function Line({ row, today }: { row: LibraryRow | undefined; today: string }) {
  if (!row) {
    return (
      <div class="row passage-row">
        <span class="body stack tight">
          <Skeleton width="9rem" height="1rem" />
          <Skeleton width="85%" height="0.875rem" />
          <Skeleton width="12rem" height="0.75rem" />
        </span>
      </div>
    );
  }
  return (
    <a class="row passage-row" href={versePath(row.verseId)}>
      <span class="body">
        <span class="head">
          <span class="title cut" dir="auto">{row.reference}</span>
          {row.translation && <span class="small soft">{row.translation}</span>}
          {row.isDue && <Badge tone="accent">Due</Badge>}
          {row.archived && <Badge icon="archive">Archived</Badge>}
        </span>
        <span class="excerpt cut" dir="auto">{row.excerpt || "The words are not here yet."}</span>
        <Place row={row} today={today} />
      </span>
      <Icon name="forward" size={18} class="onward" />
    </a>
  );
}

function Nothing() {
  const { search, phase, show } = filter.value;
  const clear = <Button onClick={() => (filter.value = { ...NO_FILTER, sort: filter.value.sort })}>Show all passages</Button>;
  if (search || phase !== "all") {
    return (
      <EmptyState icon="search" title="Nothing found" actions={clear}>
        <p>{search ? `No passage here has “${search}” in it.` : "No passage here comes that often."}</p>
      </EmptyState>
    );
  }
  if (show === "due") {
    return <EmptyState icon="check" title="Nothing is due today" actions={clear} />;
  }
  if (show === "archived") {
    return (
      <EmptyState icon="archive" title="Nothing is archived" actions={clear}>
        <p>Archive a passage that you want to keep, but not to review.</p>
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon="library"
      title="Your library is empty"
      actions={
        <>
          <ButtonLink href="/add" tone="primary" icon="add">Add a passage</ButtonLink>
          <ButtonLink href={STARTER_LISTS}>Choose a starter list</ButtonLink>
        </>
      }
    >
      <p>Every passage that you add is kept here.</p>
    </EmptyState>
  );
}

export default function LibraryPage() {
  const rows = useListing(filter.value);
  const today = overview.value?.today ?? "";
  const { total, error } = rows;
  const isEmpty = overview.value?.cards === 0;
  return (
    <>
      <PageHead title="Library">
        <p class="soft numbers" role="status">{total === null || isEmpty ? "" : count(total, "passage")}</p>
      </PageHead>
      <div class="stack">
        {!isEmpty && <Filters />}
        {error && total === null ? (
          <ErrorState title="The library could not be read" error={error} onRetry={rows.reload} />
        ) : total === 0 ? (
          <Nothing />
        ) : (
          <div class="rows" aria-busy={total === null ? "true" : undefined}>
            {total === null ? (
              Array.from({ length: 8 }, (_, n) => <div key={n}><Line row={undefined} today={today} /></div>)
            ) : (
              <VirtualList
                label="Passages"
                total={total}
                rowHeight={ROW_HEIGHT}
                onWindow={rows.see}
                render={(index) => <Line row={rows.row(index)} today={today} />}
              />
            )}
          </div>
        )}
      </div>
    </>
  );
}
