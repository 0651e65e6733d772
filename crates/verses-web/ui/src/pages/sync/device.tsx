// The network and this device, as far as syncing has to do with them.

import { useState } from "preact/hooks";
import type { SyncState } from "../../engine/api";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { useQuery } from "../../query";
import { online, toast } from "../../state";
import { Button } from "../../ui/controls";
import { Badge, Card, ErrorState, Skeleton } from "../../ui/display";
import { bytes, duration } from "./units";
import { QUALITY, changes } from "./words";

export function Network({ state }: { state: SyncState }) {
  const quality = online.value && state.quality ? QUALITY[state.quality] : null;
  return (
    <Card class="stack tight">
      <div class="line">
        <h2>Network</h2>
        {quality ? <Badge tone={quality.tone}>{quality.name}</Badge> : <Badge>{online.value ? "Not measured yet" : "None"}</Badge>}
      </div>
      <p>{quality ? quality.means : "It is measured with the first changes that are sent."}</p>
      <p class="soft small numbers">
        {state.batchSize > 0 && `Now at most ${changes(state.batchSize)} in a batch.`}
        {state.roundTripMs !== null && ` The last answer took ${duration(state.roundTripMs)}.`}
      </p>
      <p class="soft small">
        {state.leader ? "This tab does the syncing." : "Another tab of Verses does the syncing; this one shows how it goes."}
      </p>
    </Card>
  );
}

export function Storage() {
  const query = useQuery("storage", {}, { live: false });
  const [isKept, setKept] = useState(false);
  const [busy, run] = useBusy();
  const keep = () => run(async () => {
    const { persisted } = await call("persist", {});
    setKept(persisted);
    if (persisted) toast("The browser keeps your data.", { tone: "good" });
    else toast("The browser did not agree. It often does once the app is installed.");
  });
  const { data, error } = query;
  return (
    <Card class="stack tight">
      <h2>Storage on this device</h2>
      {!data && error && <ErrorState title="The storage does not answer" error={error} onRetry={query.reload} />}
      {!data && !error && <div aria-busy="true"><Skeleton height="7rem" /></div>}
      {data && (
        <>
          <p class="numbers">
            {data.usage === null ? "The browser does not say how much is used." : `${bytes(data.usage)} used`}
            {data.usage !== null && data.quota !== null && ` of ${bytes(data.quota)} that the browser allows`}
          </p>
          {data.persisted || isKept ? (
            <p class="soft">The browser keeps this data, even when space runs out.</p>
          ) : (
            <>
              <p class="soft">When space runs out, the browser may remove it. You can ask it not to.</p>
              <div class="line"><Button busy={busy} onClick={keep}>Keep my data</Button></div>
            </>
          )}
        </>
      )}
    </Card>
  );
}
