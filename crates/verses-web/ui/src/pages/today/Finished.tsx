// Today without anything to review: all done, nothing due, or nothing there yet; and what comes next.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Overview } from "../../engine/api";
import { count, formatWhen } from "../../format";
import { useQuery } from "../../query";
import { remember, remembered } from "../../remembered";
import { STARTER_LISTS } from "../../router";
import { ButtonLink, IconButton } from "../../ui/controls";
import { Banner, Card, EmptyState } from "../../ui/display";
import { Forecast } from "../Forecast";

export function NothingYet() {
  return (
    <EmptyState
      icon="today"
      title="Begin with one passage"
      actions={
        <>
          <ButtonLink href="/add" tone="primary" icon="add">Add a passage</ButtonLink>
          <ButtonLink href={STARTER_LISTS}>Choose a starter list</ButtonLink>
        </>
      }
    >
      <p>Add a verse you would like to know by heart. It comes back every day for two weeks, then less and less often, so that it stays.</p>
    </EmptyState>
  );
}

function nextWords({ next, today }: Overview): string {
  if (!next) return "Nothing is planned yet.";
  const when = formatWhen(next.date, today);
  return `Next: ${count(next.count, "passage")} ${when === "tomorrow" ? when : `on ${when}`}.`;
}

const GUEST_KEY = "verses.guest-hint-dismissed";
/** From so many passages on, losing the device would hurt. */
const GUEST_HINT_FROM = 3;

const isGuestHintGone = signal(remembered(GUEST_KEY) !== null);

function GuestHint({ seen }: { seen: Overview }) {
  if (seen.account.kind !== "guest" || seen.cards < GUEST_HINT_FROM || isGuestHintGone.value) return null;
  const dismiss = () => {
    isGuestHintGone.value = true;
    remember(GUEST_KEY, "1");
  };
  const actions = (
    <>
      <ButtonLink href="/settings" tone="quiet">Make an account</ButtonLink>
      <IconButton icon="close" label="Not now" onClick={dismiss} />
    </>
  );
  return <Banner icon="person" actions={actions}>Your passages are on this device only.</Banner>;
}

/** `hasAnswered`: a passage was just answered here; the count of the day may not have come yet. */
export function Finished({ seen, hasAnswered }: { seen: Overview; hasAnswered: boolean }) {
  const isDone = hasAnswered || seen.reviewedToday > 0;
  const statistics = useQuery("statistics", { from: seen.today });
  const all = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The button that was pressed has gone, and the focus with it.
    if (hasAnswered && document.activeElement === document.body) all.current?.querySelector("h2")?.focus({ preventScroll: true });
  }, [hasAnswered]);
  return (
    <div class="stack wide" ref={all}>
      <EmptyState
        icon={isDone ? "check" : "calendar"}
        title={isDone ? "That is all for today" : "Nothing is due today"}
        actions={
          <>
            <ButtonLink href="/library">Open the library</ButtonLink>
            <ButtonLink href="/add" icon="add">Add a passage</ButtonLink>
          </>
        }
      >
        {isDone && <p>{count(Math.max(1, seen.reviewedToday), "review")} done.</p>}
        <p>{nextWords(seen)}</p>
      </EmptyState>
      <GuestHint seen={seen} />
      <Card class="coming">
        <h2>The next two weeks</h2>
        {statistics.data ? <Forecast days={statistics.data.forecast} today={seen.today} /> : <div class="forecast" aria-hidden="true" />}
      </Card>
    </div>
  );
}
