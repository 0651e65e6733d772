// One reference or a whole list, understood while it is typed.

import { signal } from "@preact/signals";
import { useMemo, useRef, useState } from "preact/hooks";
import type { ParsedEntry, TextState } from "../../engine/api";
import { asCallError, call } from "../../engine/client";
import { count } from "../../format";
import { online, onOwnerChange, overview } from "../../state";
import { Button, Select, TextArea, TextField } from "../../ui/controls";
import { Card, ErrorState, ProgressBar } from "../../ui/display";
import { type Outcome, addInPieces, fieldAfter, isAddable, outcomeOf } from "./adding";
import { Entries, summary } from "./entries";
import { Result } from "./result";
import { useTexts } from "./texts";
import { useParsed } from "./useParsed";

/** Kept while other pages are open. */
const draft = signal("");
/** Empty: the preferred one. */
const translation = signal("");
const isOther = signal(false);
onOwnerChange(() => (draft.value = ""));

const OTHER = " other";

function Translation({ texts }: { texts: TextState[] }) {
  const usual = overview.value?.translation ?? "";
  const known = texts.map((it) => ({ value: it.translation, label: `${it.translation}: ${it.title}` }));
  if (usual && !texts.some((it) => it.translation === usual)) known.unshift({ value: usual, label: usual });
  return (
    <div class="stack">
      <Select
        label="Translation"
        value={isOther.value ? OTHER : translation.value || usual}
        choices={[...known, { value: OTHER, label: "Another…" }]}
        onChange={(value) => {
          isOther.value = value === OTHER;
          translation.value = value === OTHER || value === usual ? "" : value;
        }}
      />
      {isOther.value && (
        <TextField
          label="Short name of the translation"
          hint="For example NIV. Verses has no words of it: the passage is added, and you can give the words yourself."
          value={translation.value}
          maxLength={20}
          onInput={(value) => (translation.value = value.trim().toUpperCase())}
        />
      )}
    </div>
  );
}

/** How far the words of a translation are, while they come or when they cannot. */
function Fetching({ text }: { text: TextState }) {
  if (text.have >= text.pieces) return null;
  if (text.loading) {
    return (
      <div class="stack tight">
        <p class="small">Fetching the words of {text.translation}…</p>
        <ProgressBar label={`Words of ${text.translation}`} value={text.have} of={text.pieces} />
      </div>
    );
  }
  if (online.value) return null;
  return (
    <p class="small soft">
      You are offline, and not all words of {text.translation} are on this device. You can add all the same: the words come with
      the next sync.
    </p>
  );
}

function reasonForNoWords(text: TextState | undefined): string | null {
  if (!text) return "Its words are not on this device. They come with the next sync if the server has them.";
  if (text.have >= text.pieces) return null;
  return text.loading ? "The words are on their way." : "The words come with the next sync.";
}

export function References() {
  const texts = useTexts();
  const chosen = translation.value || overview.value?.translation || "";
  const state = texts.data?.find((it) => it.translation === chosen);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [adding, setAdding] = useState<{ done: number; of: number } | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const isAdding = useRef(false);
  const form = useRef<HTMLFormElement>(null);
  const result = useRef<HTMLDivElement>(null);
  const text = draft.value;
  // Words that have come since give another preview.
  const parsed = useParsed(text, translation.value || null, state && !state.loading && state.have, adding !== null);
  const { ready, told } = useMemo(
    () => ({ ready: parsed.entries.filter(isAddable).length, told: summary(parsed.entries) }),
    [parsed.entries],
  );
  /** "Another…" without its name would silently be the usual one. */
  const isNameless = isOther.value && !translation.value;
  const area = () => form.current?.querySelector("textarea");

  const add = async (keepsFocus: boolean) => {
    if (isAdding.current || isNameless || !text.trim()) return;
    isAdding.current = true;
    setFault(null);
    setOutcome(null);
    try {
      const named = translation.value || undefined;
      // Whoever is quicker than the preview still gets what is in the field.
      const entries = parsed.text === text ? parsed.entries : await call("parse", { text, translation: named ?? null });
      const verses = entries.filter(isAddable).map((it) => ({ reference: it.passage?.reference ?? it.input, translation: named }));
      if (verses.length === 0) return;
      setAdding({ done: 0, of: verses.length });
      const results = await addInPieces(verses, (done) => setAdding({ done, of: verses.length }));
      const made = outcomeOf(entries, results);
      draft.value = fieldAfter(draft.value, text, made.rest);
      parsed.clear();
      setOutcome(made);
      if (keepsFocus) area()?.focus();
      else result.current?.focus();
    } catch (error) {
      setFault(asCallError(error).message);
    } finally {
      isAdding.current = false;
      setAdding(null);
    }
  };

  const replace = (entry: ParsedEntry, by: string) => {
    // The field may be ahead of what is shown.
    if (text.slice(entry.start, entry.end) !== entry.input) return;
    draft.value = text.slice(0, entry.start) + by + text.slice(entry.end);
    const field = area();
    field?.focus({ preventScroll: true });
    const end = entry.start + by.length;
    requestAnimationFrame(() => field?.setSelectionRange(end, end));
  };

  return (
    <div class="stack">
      <Result outcome={outcome} focus={result} />
      <Card>
        <form
          ref={form}
          class="stack"
          onSubmit={(event) => {
            event.preventDefault();
            void add(false);
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            void add(true);
          }}
        >
          <TextArea
            label="Passages to add"
            hint="One or many: each on a line of its own, or with semicolons between."
            placeholder={"John 3:16\nPs 23; 1 Cor 13:4-7"}
            value={text}
            fault={fault}
            rows={4}
            onInput={(value) => (draft.value = value)}
          />
          <Translation texts={texts.data ?? []} />
          {state && <Fetching text={state} />}
          {adding && adding.of > 1 && <ProgressBar label="Adding" value={adding.done} of={adding.of} />}
          <div class="line">
            <Button type="submit" tone="primary" icon="add" busy={adding !== null} disabled={(ready === 0 && adding === null) || isNameless}>
              {adding ? "Adding…" : ready > 1 ? `Add ${count(ready, "passage")}` : "Add"}
            </Button>
            <p class="small soft" role="status">{told && `${told}.`}</p>
            <p class="small soft keys"><kbd>Ctrl</kbd> <kbd>Enter</kbd></p>
          </div>
        </form>
      </Card>
      {parsed.error ? (
        <ErrorState title="This could not be read" error={parsed.error} onRetry={parsed.retry} />
      ) : (
        <Entries entries={parsed.entries} noWords={reasonForNoWords(state)} onReplace={replace} />
      )}
    </div>
  );
}
