// Today: what is due, one passage at a time, and what the last answer changed.

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Card } from "../engine/api";
import { call } from "../engine/client";
import { PHASE_NAMES, count, formatShortDay, formatWhen } from "../format";
import { useQuery } from "../query";
import { versePath } from "../router";
import { Opening } from "../shell/Frame";
import { overview, toastError } from "../state";
import { ErrorState, PageHead, ProgressBar, Skeleton } from "../ui/display";
import { Icon } from "../ui/icons";
import { Finished, NothingYet } from "./today/Finished";
import { Review } from "./today/Review";

interface Outcome {
  wasSuccessful: boolean;
  before: Card;
  after: Card;
}

/** Answered, but perhaps still in a list that was asked for before. Kept while other pages are open. */
const answered = signal<ReadonlySet<string>>(new Set());

function OutcomeLine({ outcome, today }: { outcome: Outcome; today: string }) {
  const { wasSuccessful, before, after } = outcome;
  const parts = [
    wasSuccessful ? "got it" : "not yet",
    after.phase === before.phase ? "" : `now ${PHASE_NAMES[after.phase].toLowerCase()}`,
    after.streak > 1 ? `${after.streak} in a row` : "",
    `next ${formatWhen(after.nextDue, today)}`,
  ].filter(Boolean);
  return (
    <>
      <Icon name={wasSuccessful ? "check" : "restore"} size={18} />
      <span>
        <a href={versePath(after.verseId)} dir="auto">{after.reference}</a>: {parts.join(", ")}
      </span>
    </>
  );
}

/** `done: null`: not known yet; its place is kept. */
function DayProgress({ done, left }: { done: number | null; left: number }) {
  const toGo = <span class="small soft numbers">{left === 1 ? "The last one" : `${left.toLocaleString()} to go`}</span>;
  if (done === null) return <div class="day-progress">{toGo}</div>;
  const of = done + left;
  return (
    <div class="day-progress">
      {toGo}
      <ProgressBar label="Reviewed today" value={done} of={of} text={`${done} of ${of} reviewed`} />
      <span class="small soft numbers">{`${done.toLocaleString()} of ${of.toLocaleString()}`}</span>
    </div>
  );
}

function Waiting() {
  return (
    <div class="review" aria-busy="true">
      <p class="unseen" role="status">Loading</p>
      <div class="day-progress"><Skeleton height="0.375rem" /></div>
      <div class="modes"><Skeleton height="3.125rem" /></div>
      <Skeleton height="18rem" />
    </div>
  );
}

export function Today() {
  const due = useQuery("due", {});
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const current = useRef("");
  const seen = overview.value;

  const day = useRef(seen?.today);
  useEffect(() => {
    const isNewDay = day.current !== undefined && day.current !== seen?.today;
    day.current = seen?.today;
    if (!isNewDay) return;
    setOutcome(null);
    answered.value = new Set();
  }, [seen?.today]);

  useEffect(() => {
    // What is due no more is settled; should it become due again today, it must come.
    const left = new Set((due.data ?? []).map((card) => card.verseId));
    const still = [...answered.value].filter((id) => left.has(id));
    if (still.length < answered.value.size) answered.value = new Set(still);
  }, [due.data]);

  const remaining = (due.data ?? []).filter((card) => !answered.value.has(card.verseId));
  // The passage before one's eyes stays, whatever comes in from another device.
  const card = remaining.find((it) => it.verseId === current.current) ?? remaining[0];
  current.current = card?.verseId ?? "";

  const answer = async (wasSuccessful: boolean, seconds: number | null) => {
    if (!card || busy) return;
    setBusy(true);
    try {
      const after = await call("review", { verseId: card.verseId, wasSuccessful, seconds });
      answered.value = new Set([...answered.value, card.verseId]);
      setOutcome({ wasSuccessful, before: card, after });
    } catch (error) {
      toastError(error);
    } finally {
      setBusy(false);
    }
  };

  // A passage does not wait for the rest.
  if (!seen && !card) return <Opening />;
  const line = outcome && seen && <OutcomeLine outcome={outcome} today={seen.today} />;

  const body = () => {
    if (seen?.cards === 0) return <NothingYet />;
    if (due.data === undefined) {
      if (!due.error) return <Waiting />;
      return <ErrorState title="Today’s passages could not be read" error={due.error} onRetry={due.reload} />;
    }
    if (!card) {
      return seen && (
        <>
          <p class="outcome small" role="status">{line}</p>
          <Finished key={seen.today} seen={seen} hasAnswered={outcome !== null} />
        </>
      );
    }
    return (
      <div class="review">
        <DayProgress done={seen ? seen.reviewedToday : null} left={remaining.length} />
        <Review
          card={card}
          busy={busy}
          onAnswer={(wasSuccessful, seconds) => void answer(wasSuccessful, seconds)}
          outcome={line}
        />
      </div>
    );
  };

  return (
    <>
      <PageHead title="Today">
        <p class="today-line soft">
          <span>{seen ? formatShortDay(seen.today) : "\u00a0"}</span>
          {seen && seen.dayStreak > 0 && (
            <span class="badge accent numbers">
              <Icon name="streak" size={14} />
              <span>{count(seen.dayStreak, "day")}<span class="when-wide"> in a row</span></span>
            </span>
          )}
        </p>
      </PageHead>
      {body()}
    </>
  );
}
