// What became of what was added.

import type { Ref } from "preact";
import type { AddResult } from "../../engine/api";
import { count } from "../../format";
import { versePath } from "../../router";
import { ButtonLink } from "../../ui/controls";
import { Banner } from "../../ui/display";
import type { Outcome } from "./adding";

/** "12 added. 1 brought back from the archive. 2 were already yours." */
function sentence({ added, restored, known, failures }: Outcome): string {
  const parts = [
    added > 0 && `${count(added, "passage")} added.`,
    restored > 0 && `${restored.toLocaleString()} brought back from the archive.`,
    known > 0 && `${known.toLocaleString()} ${known === 1 ? "was" : "were"} already yours.`,
    failures.length > 0 && `${failures.length.toLocaleString()} could not be added.`,
  ].filter(Boolean);
  return parts.join(" ") || "Nothing was added.";
}

const MAX_FAILURES = 20;

/** Each that could not be added, and why. */
export function Failures({ failures }: { failures: AddResult[] }) {
  const beyond = failures.length - MAX_FAILURES;
  return (
    <ul class="small">
      {failures.slice(0, MAX_FAILURES).map((it, n) => (
        <li key={n}><strong><bdi>{it.reference}</bdi></strong>: {it.error?.message ?? "It could not be added."}</li>
      ))}
      {beyond > 0 && <li>And {beyond.toLocaleString()} more.</li>}
    </ul>
  );
}

/** Takes the focus through `focus` when the button that was pressed has nothing more to do. */
export function Result({ outcome, focus }: { outcome: Outcome | null; focus?: Ref<HTMLDivElement> }) {
  const isGood = outcome?.failures.length === 0;
  return (
    <div ref={focus} tabIndex={-1} role="status" class="result">
      {outcome && (
        <Banner
          tone={isGood ? "plain" : "warn"}
          icon={isGood ? "check" : "alert"}
          actions={
            outcome.verseId ? (
              <ButtonLink href={versePath(outcome.verseId)} tone="quiet">Open it</ButtonLink>
            ) : outcome.added + outcome.restored > 0 ? (
              <ButtonLink href="/today" tone="quiet">Go to Today</ButtonLink>
            ) : undefined
          }
        >
          <p>{sentence(outcome)}</p>
          <Failures failures={outcome.failures} />
          {outcome.rest && <p class="small">What was not added is still in the field.</p>}
        </Banner>
      )}
    </div>
  );
}
