// A text of one's own: a title or reference, and the words.

import { signal } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { onOwnerChange } from "../../state";
import { Button, TextArea, TextField } from "../../ui/controls";
import { Card } from "../../ui/display";
import type { Outcome } from "./adding";
import { Result } from "./result";

/** Kept while other pages are open. */
const title = signal("");
const words = signal("");
onOwnerChange(() => (title.value = words.value = ""));

interface Faults {
  title?: string;
  words?: string;
}

export function OwnText() {
  const [faults, setFaults] = useState<Faults>({});
  const [busy, run] = useBusy();
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const form = useRef<HTMLFormElement>(null);

  const refuse = (found: Faults) => {
    setFaults(found);
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus());
  };
  const add = () => run(async () => {
    const reference = title.value.trim();
    const text = words.value.trim();
    setOutcome(null);
    if (!reference) return refuse({ title: "Give it a name first." });
    if (!text) return refuse({ words: "Write the words first." });
    setFaults({});
    const [result] = await call("add", { verses: [{ reference, text }] });
    if (result?.outcome === "duplicate") return refuse({ title: "You have a text with this name. Choose another." });
    if (result?.outcome !== "added") return refuse({ words: result?.error?.message ?? "It could not be added." });
    // What was typed meanwhile is for the next one.
    if (title.value.trim() === reference) title.value = "";
    if (words.value.trim() === text) words.value = "";
    setOutcome({ added: 1, restored: 0, known: 0, failures: [], verseId: result.card?.verseId ?? null, rest: "" });
    form.current?.querySelector("input")?.focus();
    return undefined;
  }, (error) => refuse({ words: error.message }));

  return (
    <div class="stack">
      <Result outcome={outcome} />
      <Card>
        <form
          ref={form}
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) void add();
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
          }}
        >
          <TextField
            label="Title or reference"
            hint="For example “Psalm 23:1, my translation” or “Creed”."
            value={title.value}
            fault={faults.title}
            maxLength={200}
            onInput={(value) => (title.value = value)}
          />
          <TextArea
            label="Words"
            hint="Any language. Only you see them."
            value={words.value}
            fault={faults.words}
            rows={6}
            onInput={(value) => (words.value = value)}
          />
          <div class="line">
            <Button type="submit" tone="primary" icon="add" busy={busy}>Add</Button>
          </div>
        </form>
      </Card>
    </div>
  );
}
