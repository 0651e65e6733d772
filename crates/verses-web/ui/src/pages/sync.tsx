// Sync: how sending stands, what failed and what to do about it, what waits, and what was sent last.

import { useEffect } from "preact/hooks";
import type { QueueItem } from "../engine/api";
import { type Query, useQuery } from "../query";
import { onChanged, overview, syncState } from "../state";
import { ErrorState, PageHead, Skeleton } from "../ui/display";
import { BatchSyncProgress } from "./sync/BatchSyncProgress";
import { Network, Storage } from "./sync/device";
import { Inbox } from "./sync/inbox";
import { Batches, Waiting } from "./sync/lists";

/** Failed ones that are shown; there are seldom more than a few. */
const MAX_FAILED = 500;
/** More than this nobody reads; the number says the rest. */
const MAX_WAITING = 300;

/** While much is sent the lists change all the time, and each answer costs the engine a look at the whole queue. */
const LISTS_EVERY_MS = 1000;

function useQueue(failedOnly: boolean, limit: number): Query<QueueItem[]> {
  const query = useQuery("queue", { failedOnly, limit }, { live: false });
  const { reload } = query;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onChanged(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        reload();
      }, LISTS_EVERY_MS);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [reload]);
  return query;
}

const isSettled = (query: Query<unknown>): boolean => query.data !== undefined || query.error !== null;

export default function SyncPage() {
  const asked = useQuery("syncState", {}, { live: false });
  const state = syncState.value ?? asked.data;
  const seen = overview.value;
  const failed = useQueue(true, MAX_FAILED);
  const waiting = useQueue(false, MAX_WAITING);
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
