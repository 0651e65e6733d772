// One passage under review: how it is recalled, and the answer.

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Card } from "../../engine/api";
import { PHASE_NAMES } from "../../format";
import { remember, remembered } from "../../remembered";
import { displayMode } from "../../state";
import { Button, IconButton, Segmented } from "../../ui/controls";
import { Badge } from "../../ui/display";
import { KeysDialog, useKeys } from "./keys";
import { FRESH, MODES, type Mode, ModeBody, ModeTools, type View, hideMore, nextWord } from "./modes";
import { useSwipe } from "./swipe";
import { Reference, split } from "./words";

const MODE_KEY = "verses.recall-mode";
const stored = remembered(MODE_KEY);
const mode = signal<Mode>(MODES.find((it) => it.value === stored)?.value ?? "recall");

/** Longer than this, the device lay on the table, and the time says nothing. */
const MAX_SECONDS = 3600;

interface ReviewProps {
  card: Card;
  /** While an answer is being saved. */
  busy: boolean;
  onAnswer: (wasSuccessful: boolean, seconds: number | null) => void;
  /** What the last answer changed. */
  outcome: ComponentChildren;
}

/** Seconds for which a passage was before somebody's eyes. */
function useStopwatch(verseId: string): () => number | null {
  const watch = useRef({ spent: 0, since: 0 });
  useEffect(() => {
    watch.current = { spent: 0, since: performance.now() };
    const change = () => {
      const now = performance.now();
      if (document.visibilityState === "hidden") watch.current.spent += now - watch.current.since;
      else watch.current.since = now;
    };
    document.addEventListener("visibilitychange", change);
    return () => document.removeEventListener("visibilitychange", change);
  }, [verseId]);
  return () => {
    const { spent, since } = watch.current;
    const seconds = Math.max(1, Math.round((spent + performance.now() - since) / 1000));
    return seconds > MAX_SECONDS ? null : seconds;
  };
}

function place(card: Card): string {
  const name = PHASE_NAMES[card.phase];
  return card.needed === null ? name : `${name}, ${card.progress} of ${card.needed}`;
}

export function Review({ card, busy, onAnswer, outcome }: ReviewProps) {
  const [state, setState] = useState({ verseId: card.verseId, view: FRESH });
  // Another passage begins anew; the rest of the page, and the focus in it, stays.
  const view = state.verseId === card.verseId ? state.view : FRESH;
  const update = (change: Partial<View>) => setState({ verseId: card.verseId, view: { ...view, ...change } });
  const [helpOpen, setHelpOpen] = useState(false);
  const pieces = useMemo(() => split(card.text), [card.text]);
  const seconds = useStopwatch(card.verseId);
  const answer = (wasSuccessful: boolean) => !busy && onAnswer(wasSuccessful, seconds());
  // The second press of a double click would answer the next passage, which nobody has seen.
  const pressed = (wasSuccessful: boolean) => (event: MouseEvent) => event.detail <= 1 && answer(wasSuccessful);
  const swiped = useSwipe(answer, !busy);

  useKeys((command) => {
    if (command === "got-it") answer(true);
    else if (command === "not-yet") answer(false);
    else if (command === "help") setHelpOpen(true);
    else if (command === "reveal") update({ revealed: !view.revealed, shown: 0 });
    else if (mode.value === "hide") update(hideMore(view, 1));
    else if (mode.value === "recall" && !view.revealed) update(nextWord(view, pieces));
  });

  const chooseMode = (chosen: Mode) => {
    mode.value = chosen;
    remember(MODE_KEY, chosen);
    update(FRESH);
  };
  const shownAs = view.revealed ? "full" : displayMode.value;

  return (
    <>
      <div class="modes">
        <Segmented label="How to recall" value={mode.value} choices={MODES} onChange={chooseMode} />
        <span class="only-keys">
          <IconButton icon="keyboard" label="Keys" onClick={() => setHelpOpen(true)} />
        </span>
      </div>
      <div class="swipe-area">
        <article class="card passage" ref={swiped}>
          <header>
            <h2 dir="auto"><Reference reference={card.reference} mode={shownAs} /></h2>
            <div class="line">
              {card.translation && <Badge>{card.translation}</Badge>}
              {card.isOwnText && <Badge>My text</Badge>}
              <span class="small soft numbers">{place(card)}</span>
            </div>
          </header>
          <ModeBody key={mode.value} mode={mode.value} card={card} pieces={pieces} view={view} update={update} />
          <span class="verdict left" aria-hidden="true">Not yet</span>
          <span class="verdict right" aria-hidden="true">Got it</span>
        </article>
      </div>
      <div
        class="answers"
        onKeyDown={(event) => {
          // A key held down would press the button again, for the next passage.
          if (event.repeat) event.preventDefault();
        }}
      >
        <p class="outcome small" role="status">
          {outcome ?? (
            <>
              <span class="only-touch">Swipe right if you got it, left if not yet.</span>
              <span class="only-keys">Space: show. 1: not yet. 2: got it.</span>
            </>
          )}
        </p>
        {card.text && <ModeTools mode={mode.value} pieces={pieces} view={view} update={update} />}
        <Button icon="restore" busy={busy} class="not-yet" onClick={pressed(false)}>Not yet</Button>
        <Button icon="check" busy={busy} class="got-it" onClick={pressed(true)}>Got it</Button>
      </div>
      <KeysDialog open={helpOpen} onClose={() => setHelpOpen(false)} />
    </>
  );
}
