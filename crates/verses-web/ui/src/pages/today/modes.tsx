// The ways to recall a passage: from nothing, from first letters, with more and more words hidden, and by typing it.

import { useEffect, useState } from "preact/hooks";
import type { AnswerScore, Card } from "../../engine/api";
import { call } from "../../engine/client";
import { Button } from "../../ui/controls";
import { ProgressBar } from "../../ui/display";
import { HIDE_STEPS, type Piece, Words, countWords, hiddenAt } from "./words";

export type Mode = "recall" | "letters" | "hide" | "type";

export const MODES: { value: Mode; label: string }[] = [
  { value: "recall", label: "Recall" },
  { value: "letters", label: "Letters" },
  { value: "hide", label: "Hide" },
  { value: "type", label: "Type" },
];

/** What is to be seen of a passage now. */
export interface View {
  revealed: boolean;
  /** Words shown one by one. */
  shown: number;
  /** How far words are hidden. */
  step: number;
  typed: string;
}

export const FRESH: View = { revealed: false, shown: 0, step: 1, typed: "" };

interface ModeProps {
  card: Card;
  pieces: Piece[];
  view: View;
  update: (change: Partial<View>) => void;
}

/** How long typing must pause before it is scored. */
const SCORE_AFTER_MS = 180;

function Recall({ pieces, view }: ModeProps) {
  const isStarted = view.revealed || view.shown > 0;
  return (
    <div class="words">
      <Words pieces={pieces} show={(word) => (view.revealed || word < view.shown ? "whole" : "nothing")} />
      {!isStarted && <p class="prompt soft">Say it from memory. Then look.</p>}
    </div>
  );
}

function Letters({ pieces, view }: ModeProps) {
  return (
    <div class="words">
      <Words pieces={pieces} show={() => (view.revealed ? "whole" : "letter")} />
    </div>
  );
}

function Hide({ pieces, view }: ModeProps) {
  const hidden = hiddenAt(view.step, countWords(pieces));
  return (
    <div class="words">
      <Words pieces={pieces} show={(word) => (view.revealed || !hidden.has(word) ? "whole" : "gap")} />
    </div>
  );
}

function Type({ card, pieces, view, update }: ModeProps) {
  const [score, setScore] = useState<AnswerScore | null>(null);
  const { typed } = view;
  useEffect(() => {
    if (!typed.trim()) {
      setScore(null);
      return;
    }
    let isWanted = true;
    const timer = setTimeout(() => {
      call("score", { text: card.text, typed }).then(
        (answer) => isWanted && setScore(answer),
        // Without a score, one can still compare by eye.
        () => isWanted && setScore(null),
      );
    }, SCORE_AFTER_MS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [card.verseId, card.text, typed]);
  const percent = score?.percent ?? 0;
  return (
    <>
      <div class="typing">
        <label class="legend" for="typed">Type the passage</label>
        <textarea
          id="typed"
          class="input verse-text"
          dir="auto"
          autocomplete="off"
          autocapitalize="sentences"
          spellcheck={false}
          value={typed}
          onInput={(event) => update({ typed: event.currentTarget.value })}
        />
        <ProgressBar label="Words right" value={percent} of={100} text={`${percent} percent`} />
        <p class="small soft numbers" role="status">
          {score === null ? "Case and punctuation do not matter." : percent === 100 ? "Every word is right." : `${score.right} of ${score.of} words in place, ${percent} %`}
        </p>
      </div>
      {view.revealed && (
        <div class="words compare">
          <Words pieces={pieces} show={() => "whole"} />
        </div>
      )}
    </>
  );
}

/** One word more, of those not seen yet. */
export function nextWord(view: View, pieces: Piece[]): Partial<View> {
  return { shown: view.shown + 1, revealed: view.shown + 1 >= countWords(pieces) };
}

export function hideMore(view: View, by: number): Partial<View> {
  return { step: Math.max(0, Math.min(HIDE_STEPS, view.step + by)), revealed: false };
}

/** What can be done with the words. */
export function ModeTools({ mode, pieces, view, update }: Omit<ModeProps, "card"> & { mode: Mode }) {
  return (
    <div class="tools">
      {mode === "recall" && (
        <Button disabled={view.revealed} onClick={() => update(nextWord(view, pieces))}>Next word</Button>
      )}
      {mode === "hide" && (
        <>
          <Button disabled={view.step === 0} onClick={() => update(hideMore(view, -1))}>Fewer gaps</Button>
          <Button disabled={view.step === HIDE_STEPS} onClick={() => update(hideMore(view, 1))}>More gaps</Button>
        </>
      )}
      <Button onClick={() => update({ revealed: !view.revealed, shown: 0 })}>{view.revealed ? "Hide again" : "Show all"}</Button>
    </div>
  );
}

export function ModeBody({ mode, ...rest }: ModeProps & { mode: Mode }) {
  if (rest.card.text === "") {
    return <p class="soft">The words are not on this device yet. They come with the next connection. You can still answer.</p>;
  }
  if (mode === "letters") return <Letters {...rest} />;
  if (mode === "hide") return <Hide {...rest} />;
  if (mode === "type") return <Type {...rest} />;
  return <Recall {...rest} />;
}
