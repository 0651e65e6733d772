// Sync: how sending stands, what failed and what to do about it, what waits, and what was sent last.

import { type Query, useQuery } from "../query";
import { overview, syncState } from "../state";
import { ErrorState, PageHead, Skeleton } from "../ui/display";
import { BatchSyncProgress } from "./sync/BatchSyncProgress";
import { Network, Storage } from "./sync/device";
import { Inbox } from "./sync/inbox";
import { Batches, Waiting } from "./sync/lists";

/** Failed ones that are shown; there are seldom more than a few. */
const MAX_FAILED = 500;
/** More than this nobody reads; the number says the rest. */
const MAX_WAITING = 300;

const isSettled = (query: Query<unknown>): boolean => query.data !== undefined || query.error !== null;

export default function SyncPage() {
  const asked = useQuery("syncState", {}, { live: false });
  const state = syncState.value ?? asked.data;
  const seen = overview.value;
  const failed = useQuery("queue", { failedOnly: true, limit: MAX_FAILED });
  const waiting = useQuery("queue", { failedOnly: false, limit: MAX_WAITING });
  // All lists at once: one that came later would push the others down.
  const isReady = isSettled(failed) && isSettled(waiting);
  return (
    <>
      <PageHead title="Sync" />
      {!state && asked.error && <ErrorState title="The state of syncing could not be read" error={asked.error} onRetry={asked.reload} />}
      {!state || !seen ? !asked.error && (
        <div class="stack" aria-busy="true">
          <p class="unseen" role="status">Loading</p>
          <Skeleton height="14rem" />
          <Skeleton height="9rem" />
        </div>
      ) : (
        <div class="stack">
          <BatchSyncProgress state={state} seen={seen} />
          {!isReady && (
            <div aria-busy="true">
              <Skeleton height="20rem" />
            </div>
          )}
          {isReady && seen.failed > 0 && <Inbox query={failed} failed={seen.failed} />}
          {isReady && seen.account.kind !== "guest" && (
            <>
              <Waiting query={waiting} seen={seen} />
              <Batches state={state} />
              <Network state={state} />
            </>
          )}
          {isReady && <Storage />}
        </div>
      )}
    </>
  );
}
