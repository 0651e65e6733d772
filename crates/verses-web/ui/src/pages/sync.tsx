// Sync: how sending stands, what failed and what to do about it, what waits, and what was sent last.

import { useQuery } from "../query";
import { overview, syncState } from "../state";
import { PageHead, Skeleton } from "../ui/display";
import { BatchSyncProgress } from "./sync/BatchSyncProgress";
import { Network, Storage } from "./sync/device";
import { Inbox } from "./sync/inbox";
import { Batches, Waiting } from "./sync/lists";

/** Failed ones that are shown; there are seldom more than a few. */
const MAX_FAILED = 500;

export default function SyncPage() {
  const state = syncState.value;
  const seen = overview.value;
  const failed = useQuery("queue", { failedOnly: true, limit: MAX_FAILED });
  return (
    <>
      <PageHead title="Sync" />
      {!state || !seen ? (
        <div class="stack" aria-busy="true">
          <p class="unseen" role="status">Loading</p>
          <Skeleton height="14rem" />
          <Skeleton height="9rem" />
        </div>
      ) : (
        <div class="stack">
          <BatchSyncProgress state={state} seen={seen} />
          {seen.failed > 0 && <Inbox query={failed} failed={seen.failed} />}
          {seen.account.kind !== "guest" && (
            <>
              <Waiting seen={seen} />
              <Batches state={state} />
              <Network state={state} />
            </>
          )}
          <Storage />
        </div>
      )}
    </>
  );
}
