// Lists on the page Sync: what waits, the last batches, and what became of each change.

import { useState } from "preact/hooks";
import type { OperationOutcome, Overview, QueueItem, SyncRequest, SyncState } from "../../engine/api";
import { formatMoment } from "../../format";
import type { Query } from "../../query";
import { Button } from "../../ui/controls";
import { Badge, Card, ErrorState, Row, type Tone } from "../../ui/display";
import { Icon } from "../../ui/icons";
import { bytes, duration } from "./units";
import { KINDS, changes } from "./words";

const FIRST_SHOWN = 5;
const MORE_SHOWN = 50;
/** How much of a list is shown, and the button for more. `total` may be more than is at hand. */
export function useMore(length: number, first = FIRST_SHOWN) {
  const [shown, setShown] = useState(first);
  const left = length - shown;
  const more = left > 0 && (
    <Button tone="quiet" icon="down" onClick={() => setShown(shown + MORE_SHOWN)}>
      Show {Math.min(left, MORE_SHOWN).toLocaleString()} more
    </Button>
  );
  return { shown, more };
}

/** The fault of a list inside a card. */
export function Fault({ query }: { query: Query<unknown> }) {
  if (query.data !== undefined || !query.error) return null;
  return <ErrorState title="The list could not be read" error={query.error} onRetry={query.reload} />;
}

export function Waiting({ query, seen }: { query: Query<QueueItem[]>; seen: Overview }) {
  const items = (query.data ?? []).filter((it) => it.state !== "failed");
  const { shown, more } = useMore(items.length);
  const beyond = seen.waiting - items.length;
  return (
    <Card class="stack">
      <h2>Waiting to be sent{seen.waiting > 0 && <span class="soft numbers"> ({seen.waiting.toLocaleString()})</span>}</h2>
      <Fault query={query} />
      {query.data && items.length === 0 && <p class="soft">Nothing waits.</p>}
      {items.length > 0 && (
        <ul class="plain-rows">
          {items.slice(0, shown).map((it) => (
            <li key={it.id}>
              <Row
                title={<bdi>{it.about}</bdi>}
                note={<>{KINDS[it.kind] ?? "Change"}, {formatMoment(it.queuedAt)}.{it.state === "waiting" && ` ${it.why}`}</>}
                end={it.state === "sending" ? <Badge tone="accent" icon="sync">On its way</Badge> : undefined}
              />
            </li>
          ))}
        </ul>
      )}
      {more}
      {!more && items.length > 0 && beyond > 0 && <p class="soft">And {changes(beyond)} more.</p>}
    </Card>
  );
}

function requestNote(request: SyncRequest): string {
  const { state, successful, failed, elapsedMs, bytesSent } = request;
  const outcome = {
    sending: "On its way",
    failed: "Did not get through; its changes wait for the next try",
    done: [successful > 0 && `${successful} saved`, failed > 0 && `${failed} failed`].filter(Boolean).join(", ") || "Answered",
  }[state];
  return [outcome, elapsedMs !== null && duration(elapsedMs), bytesSent > 0 && bytes(bytesSent)].filter(Boolean).join(" · ");
}

function mark({ state, failed }: SyncRequest): { tone: Tone; text: string } {
  if (state === "sending") return { tone: "accent", text: "Sending" };
  if (state === "failed") return { tone: "warn", text: "Again later" };
  return failed > 0 ? { tone: "bad", text: "In part" } : { tone: "good", text: "Saved" };
}

export function Batches({ state }: { state: SyncState }) {
  const { shown, more } = useMore(state.requests.length);
  return (
    <Card class="stack">
      <h2>Last batches</h2>
      {state.requests.length === 0 && <p class="soft">Nothing was sent since the app was opened.</p>}
      {state.requests.length > 0 && (
        <ul class="plain-rows numbers">
          {state.requests.slice(0, shown).map((it) => {
            const { tone, text } = mark(it);
            const title = it.isBatch ? `Batch of ${changes(it.operations)}` : `${changes(it.operations)} alone`;
            return <li key={it.id}><Row title={title} note={requestNote(it)} end={<Badge tone={tone}>{text}</Badge>} /></li>;
          })}
        </ul>
      )}
      {more}
      {state.results.length > 0 && <Results results={state.results} />}
    </Card>
  );
}

const OUTCOMES: Record<OperationOutcome["outcome"], { tone: Tone; text: string }> = {
  applied: { tone: "good", text: "Saved" },
  duplicate: { tone: "plain", text: "Saved before" },
  failed: { tone: "bad", text: "Failed" },
};

function Results({ results }: { results: OperationOutcome[] }) {
  const [open, setOpen] = useState(false);
  return (
    <div class="stack tight">
      <button type="button" class="disclosure" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="down" />
        Each change and what became of it ({results.length})
      </button>
      {open && (
        <ul class="plain-rows">
          {results.map((it) => (
            <li key={it.id}>
              <Row
                title={<bdi>{it.about}</bdi>}
                note={<>{KINDS[it.kind] ?? "Change"}, {formatMoment(it.at)}{it.message && <>. {it.message}</>}</>}
                end={<Badge tone={OUTCOMES[it.outcome].tone}>{OUTCOMES[it.outcome].text}</Badge>}
              />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
