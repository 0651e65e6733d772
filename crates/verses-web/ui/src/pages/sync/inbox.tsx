// What could not be saved on the server: why, and what can be done about it, one by one or all at once.

import { useRef, useState } from "preact/hooks";
import type { QueueItem } from "../../engine/api";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { count, formatMoment } from "../../format";
import type { Query } from "../../query";
import { toast } from "../../state";
import { Button, TextArea } from "../../ui/controls";
import { Badge, Card } from "../../ui/display";
import { Dialog } from "../../ui/Dialog";
import { saveFile } from "../settings/files";
import { Fault, useMore } from "./lists";
import { HELP, KINDS, changes } from "./words";

const FIRST_SHOWN = 10;
/** A dialog that closes gives the focus back first. */
const AFTER_DIALOG_MS = 60;

function RemoveDialog({ items, onDone, onClose }: { items: QueueItem[]; onDone: () => void; onClose: () => void }) {
  const [busy, run] = useBusy();
  const only = items.length === 1 ? items[0] : undefined;
  const remove = async () => {
    await run(async () => {
      const gone = await call("discard", { ids: items.map((it) => it.id) });
      toast(`${changes(gone)} removed.`);
      onDone();
    });
    onClose();
  };
  return (
    <Dialog
      open={items.length > 0}
      title={only ? "Remove this change?" : `Remove ${changes(items.length)}?`}
      onClose={onClose}
      actions={
        <>
          <Button autofocus onClick={onClose}>Keep</Button>
          <Button tone="danger" icon="trash" busy={busy} onClick={remove}>Remove</Button>
        </>
      }
    >
      {only && <p><strong><bdi>{only.about}</bdi></strong>: {(KINDS[only.kind] ?? "Change").toLowerCase()}</p>}
      <p>
        {only ? "It is" : "They are"} not sent, and undone on this device, together with later changes that need
        {only ? " it" : " them"}. A new passage leaves your library with its reviews.
      </p>
      <p class="soft">This cannot be taken back. To keep a copy, save the changes as a file first.</p>
    </Dialog>
  );
}

function TextDialog({ item, onDone, onClose }: { item: QueueItem | null; onDone: () => void; onClose: () => void }) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [busy, run] = useBusy();
  const close = () => {
    setText("");
    setFault(null);
    onClose();
  };
  const save = () => run(async () => {
    if (!item) return;
    if (!text.trim()) throw new Error("Write the words first.");
    await call("supplyText", { id: item.id, text: text.trim() });
    toast(`${item.about} is sent with your words.`, { tone: "good" });
    onDone();
    close();
  }, (error) => setFault(error.message));
  return (
    <Dialog
      open={item !== null}
      title={`Your words for ${item?.about ?? ""}`}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button tone="primary" busy={busy} onClick={save}>Save</Button>
        </>
      }
    >
      <TextArea label="Words" hint="Only you see them." fault={fault} value={text} rows={6} onInput={setText} />
    </Dialog>
  );
}

interface ItemProps {
  item: QueueItem;
  onRetry: () => void;
  onText: () => void;
  onRemove: () => void;
}

function Item({ item, onRetry, onText, onRemove }: ItemProps) {
  const about = <span class="unseen"> {item.about}</span>;
  return (
    <li class="failed-item stack tight">
      <div class="line">
        <h3><bdi>{item.about}</bdi></h3>
        <Badge>{KINDS[item.kind] ?? "Change"}</Badge>
      </div>
      <p>{item.why} <span class="soft">{item.needsText ? "Give your own words for it, or remove it." : HELP[item.reason ?? ""]}</span></p>
      <p class="soft small">
        {formatMoment(item.queuedAt)}{item.retryCount > 0 && `, tried ${count(item.retryCount, "time")}`}
      </p>
      <div class="line">
        {item.needsText && <Button tone="primary" onClick={onText}>Give the words{about}</Button>}
        {item.reason !== "blocked" && <Button icon="sync" onClick={onRetry}>Try again{about}</Button>}
        <Button tone="quiet" icon="trash" onClick={onRemove}>Remove{about}</Button>
      </div>
    </li>
  );
}

export function Inbox({ query, failed }: { query: Query<QueueItem[]>; failed: number }) {
  const items = query.data ?? [];
  const [, run] = useBusy();
  const heading = useRef<HTMLHeadingElement>(null);
  const [removing, setRemoving] = useState<QueueItem[]>([]);
  const [mending, setMending] = useState<QueueItem | null>(null);
  const { shown, more } = useMore(items.length, FIRST_SHOWN);
  /** What was pressed goes away with its row, or with the whole list. */
  const done = (gone: number) => {
    query.reload();
    const goal = gone < items.length ? heading.current : document.querySelector("h1");
    setTimeout(() => goal?.focus(), AFTER_DIALOG_MS);
  };
  const retry = (ids: string[]) => run(async () => {
    await call("retry", { ids });
    toast(ids.length === 1 ? "It goes with the next sync." : "They go with the next sync.");
    done(ids.length);
  });
  const save = () => run(async () => saveFile("verses-changes.jsonl", "application/jsonl", await call("exportQueue", {})));
  return (
    <Card class="stack attention">
      <h2 id="attention" tabIndex={-1} ref={heading}>
        Needs your attention <span class="soft numbers">({failed.toLocaleString()})</span>
      </h2>
      <p class="soft">These did not reach your account. They are kept on this device until you decide.</p>
      <div class="line">
        <Button onClick={() => void retry(items.map((it) => it.id))}>Try all again</Button>
        <Button onClick={save}>Save as a file</Button>
        {items.length > 1 && <Button tone="quiet" icon="trash" onClick={() => setRemoving(items)}>Remove all</Button>}
      </div>
      <Fault query={query} />
      <ul class="plain-rows">
        {items.slice(0, shown).map((it) => (
          <Item
            key={it.id}
            item={it}
            onRetry={() => void retry([it.id])}
            onText={() => setMending(it)}
            onRemove={() => setRemoving([it])}
          />
        ))}
      </ul>
      {more}
      <RemoveDialog items={removing} onDone={() => done(removing.length)} onClose={() => setRemoving([])} />
      <TextDialog item={mending} onDone={() => done(1)} onClose={() => setMending(null)} />
    </Card>
  );
}
