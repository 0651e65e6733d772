// The words of whole translations, kept on this device so that adding works without a network.

import { useState } from "preact/hooks";
import type { TextState } from "../../engine/api";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { online, toast } from "../../state";
import { Button } from "../../ui/controls";
import { Badge, Card, Loaded, ProgressBar, Skeleton } from "../../ui/display";
import { useTexts } from "../add/texts";
import { bytes } from "../sync/units";

function Text({ text, onChanged }: { text: TextState; onChanged: () => void }) {
  const [busy, run] = useBusy();
  const [fault, setFault] = useState<string | null>(null);
  const isWhole = text.have >= text.pieces;
  const isLoading = !isWhole && (busy || text.loading);
  const load = async () => {
    setFault(null);
    await run(async () => {
      await call("loadTexts", { translation: text.translation });
      toast(`${text.translation} is ready for offline use.`, { tone: "good" });
    }, (error) => setFault(error.message));
    onChanged();
  };
  return (
    <li class="text stack tight">
      <div class="line between">
        <h3>{text.title} <span class="soft">({text.translation})</span></h3>
        {isWhole && <Badge tone="good" icon="check">On this device</Badge>}
      </div>
      <p class="soft small">{text.bytes > 0 && `${bytes(text.bytes)}. `}Licence: {text.licence}.</p>
      {!isWhole && (
        <>
          <ProgressBar label={`${text.title} on this device`} value={text.have} of={text.pieces} text={`${text.have} of ${text.pieces} parts`} />
          <div class="line between">
            <p class="soft small numbers">{text.have} of {text.pieces} parts</p>
            <Button icon="install" busy={isLoading} disabled={!online.value && !isLoading} onClick={load}>
              {isLoading ? "Fetching…" : text.have > 0 ? "Fetch the rest" : "Fetch"}
              <span class="unseen"> {text.translation}</span>
            </Button>
          </div>
        </>
      )}
      {fault && <p class="fault small" role="alert">{fault} What was fetched stays.</p>}
    </li>
  );
}

export function Texts() {
  const query = useTexts();
  return (
    <Card class="stack">
      <div>
        <h2>Texts for offline use</h2>
        <p class="soft small">
          {online.value
            ? "With a whole translation on this device, you see the words at once, with or without a network."
            : "There is no network just now. What is here works; the rest can be fetched later."}
        </p>
      </div>
      <Loaded query={query} title="The texts could not be read" skeleton={<Skeleton height="11rem" />}>
        {(texts) => (
          <ul class="plain-rows">
            {texts.map((it) => <Text key={it.translation} text={it} onChanged={query.reload} />)}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}
