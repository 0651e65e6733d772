// BatchSyncProgress: how far syncing is, what it does now, why it waits and until when, and the button that begins it.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Overview, SyncState } from "../../engine/api";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { formatMoment } from "../../format";
import { lookForUpdate } from "../../prompts";
import { online, syncState, toast } from "../../state";
import { Button, ButtonLink } from "../../ui/controls";
import { Banner, Card } from "../../ui/display";
import { Icon } from "../../ui/icons";
import { bytes, duration, wait } from "./units";
import { headline, tally, whyNot } from "./words";

/** Counts down to a moment. No live region: a screen reader would talk all the time. */
function Countdown({ until, then }: { until: number; then: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [until]);
  return <p class="numbers">{then} {until > now ? <>in <strong>{wait(until - now)}</strong></> : "at any moment"}.</p>;
}

/** What is said aloud: when the phase changes, each quarter on the way, and the first failure. */
function useMilestone(state: SyncState, title: string): string {
  const [said, setSaid] = useState("");
  const last = useRef<string | null>(null);
  const quarter = state.total > 0 ? Math.floor((4 * state.successful) / state.total) : 0;
  const key = state.phase === "sending" ? `sending ${quarter} ${state.failed > 0}` : title;
  useEffect(() => {
    if (last.current !== null && last.current !== key) {
      setSaid(state.phase === "sending" ? `Sending. Of ${state.total}: ${tally(state)}.` : `${title}.`);
    }
    last.current = key;
  }, [key]);
  return said;
}

/** Two lengths: what is saved, and what failed. The rest is still to come. */
function Bar({ state }: { state: SyncState }) {
  const part = (n: number) => `${(n / state.total) * 100}%`;
  return (
    <span
      class="progress parts"
      role="progressbar"
      aria-label="Changes saved"
      aria-valuemin={0}
      aria-valuemax={state.total}
      aria-valuenow={state.successful}
      aria-valuetext={`Of ${state.total}: ${tally(state)}`}
    >
      <span style={{ inlineSize: part(state.successful) }} />
      <span class="failed" style={{ inlineSize: part(state.failed) }} />
    </span>
  );
}

function Figures({ state }: { state: SyncState }) {
  const figures: [string, number, string][] = [
    ["Saved", state.successful, state.successful > 0 ? "good" : ""],
    ["Waiting", state.pending, ""],
    ["Need attention", state.failed, state.failed > 0 ? "bad" : ""],
  ];
  return (
    <dl class="figures numbers">
      {figures.map(([name, n, tone]) => (
        <div key={name} class={tone}>
          <dt>{name}</dt>
          <dd>{n.toLocaleString()}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Those of the facts about a run that are known. */
function facts(state: SyncState): string[] {
  const { bytesDone, bytesTotal, perSecond, etaMs, inFlight } = state;
  return [
    bytesTotal > 0 && `${bytes(bytesDone)} of ${bytes(bytesTotal)}`,
    inFlight > 0 && `${inFlight.toLocaleString()} on their way`,
    perSecond !== null && `${perSecond.toLocaleString(undefined, { maximumFractionDigits: 1 })} a second`,
    etaMs !== null && `about ${duration(Math.max(1000, Math.round(etaMs / 1000) * 1000))} left`,
  ].filter((it) => it !== false);
}

export function BatchSyncProgress({ state, seen }: { state: SyncState; seen: Overview }) {
  const [busy, run] = useBusy();
  const id = useId();
  const now = headline(state, seen, online.value);
  const reason = whyNot(state, seen, online.value);
  const said = useMilestone(state, now.title);
  const isGuest = seen.account.kind === "guest";
  const needsSignIn = state.phase === "signin" || !seen.account.signedIn;
  // The headline says it already.
  const saysTrouble = needsSignIn || state.phase === "upgrade";
  const isSending = state.phase === "sending";

  const sync = () => run(async () => {
    await call("syncNow", {});
    const after = syncState.value;
    if (after?.phase === "idle" && !after.trouble && after.failed === 0) toast("Everything is up to date.", { tone: "good" });
  });

  return (
    <Card class="stack batch-sync">
      <div class={`headline ${now.tone}`}>
        <span class="disc"><Icon name={now.icon} size={24} class={isSending ? "turning" : undefined} /></span>
        <div class="stack tight">
          <h2>{now.title}</h2>
          <p class="soft">{now.text}</p>
          {!isGuest && !saysTrouble && state.trouble && <p>{state.trouble}</p>}
          {!isGuest && state.until !== null && <Countdown until={state.until} then={now.then} />}
        </div>
      </div>
      <p class="unseen" role="status">{said}</p>
      {!isGuest && state.total > 0 && (
        <>
          <Bar state={state} />
          <Figures state={state} />
          {isSending && <p class="soft small numbers">{facts(state).join(" · ")}</p>}
        </>
      )}
      {state.successful > 0 && state.failed > 0 && (
        <Banner tone="warn" icon="alert" actions={<ButtonLink href="#attention" tone="quiet">Look at them</ButtonLink>}>
          {tally({ ...state, pending: 0 })}.
        </Banner>
      )}
      <div class="line between">
        <p class="soft small">
          {!isGuest && (state.lastSyncAt === null ? "Not synced yet on this device." : `Last sync: ${formatMoment(state.lastSyncAt)}.`)}
          {reason && <span id={`${id}-why`}> {reason}</span>}
        </p>
        <div class="line">
          {isGuest && <ButtonLink href="/settings" tone="primary" icon="person">Make an account</ButtonLink>}
          {!isGuest && needsSignIn && <ButtonLink href="/settings" tone="primary" icon="person">Sign in</ButtonLink>}
          {state.phase === "upgrade" && <Button tone="primary" onClick={() => void lookForUpdate()}>Reload</Button>}
          {!isGuest && !saysTrouble && (
            <Button
              tone="primary"
              icon="sync"
              busy={busy || isSending}
              disabled={reason !== null && !isSending}
              describedBy={reason ? `${id}-why` : undefined}
              onClick={sync}
            >
              Sync now
            </Button>
          )}
        </div>
      </div>
    </Card>
  );
}
