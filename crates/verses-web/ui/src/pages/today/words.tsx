// The words of a passage on the page: all, some, or only their first letters. Words that are not shown keep their place, so
// that nothing moves when they appear, and are hidden from screen readers too.

import type { ComponentChildren } from "preact";
import type { ReferenceDisplayMode } from "../../engine/api";

/** A word, or the marks and spaces between two words. */
export interface Piece {
  text: string;
  /** Its place among the words; null for marks. */
  word: number | null;
}

const WORD = /[\p{L}\p{M}\p{N}'’]+/gu;
/** Scripts that write no spaces: there, the browser knows where words end. */
const WITHOUT_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}\p{Script=Myanmar}]/u;

function ranges(text: string): [number, number][] {
  if (WITHOUT_SPACES.test(text) && "Segmenter" in Intl) {
    return [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)]
      .filter((it) => it.isWordLike)
      .map((it) => [it.index, it.index + it.segment.length]);
  }
  return [...text.matchAll(WORD)].map((it) => [it.index, it.index + it[0].length]);
}

export function split(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  ranges(text).forEach(([from, to], word) => {
    if (from > at) pieces.push({ text: text.slice(at, from), word: null });
    pieces.push({ text: text.slice(from, to), word });
    at = to;
  });
  if (at < text.length) pieces.push({ text: text.slice(at), word: null });
  return pieces;
}

export function countWords(pieces: Piece[]): number {
  return pieces.reduce((most, piece) => Math.max(most, (piece.word ?? -1) + 1), 0);
}

/** How many times more words can be hidden, until all are. */
export const HIDE_STEPS = 5;

/** The words hidden at a step: a few more with each, scattered, and the same ones whenever a passage comes. */
export function hiddenAt(step: number, words: number): Set<number> {
  // Multiplying by a number without a factor in common scatters the places without leaving one out.
  const scattered = Array.from({ length: words }, (_, n) => n).sort((a, b) => ((a * 7919) % 9973) - ((b * 7919) % 9973));
  return new Set(scattered.slice(0, Math.ceil((words * step) / HIDE_STEPS)));
}

interface WordsProps {
  pieces: Piece[];
  /** What becomes of a word. */
  show: (word: number) => "whole" | "letter" | "gap" | "nothing";
}

/** Marks appear with the word before them. */
export function Words({ pieces, show }: WordsProps) {
  let before: ReturnType<WordsProps["show"]> = show(0);
  return (
    <p class="verse-text" dir="auto">
      {pieces.map((piece, index): ComponentChildren => {
        if (piece.word === null) {
          return before === "nothing" ? <span key={index} class="gone" aria-hidden="true">{piece.text}</span> : piece.text;
        }
        before = show(piece.word);
        if (before === "whole") return <span key={index} class="word">{piece.text}</span>;
        if (before === "letter") {
          const [first = ""] = piece.text;
          return (
            <span key={index} class="word gap">
              {first}
              <span class="gone" aria-hidden="true">{piece.text.slice(first.length)}</span>
            </span>
          );
        }
        if (before === "nothing") return <span key={index} class="gone" aria-hidden="true">{piece.text}</span>;
        return (
          <span key={index} class="word gap">
            <span class="unseen">blank</span>
            <span class="gone" aria-hidden="true">{piece.text}</span>
          </span>
        );
      })}
    </p>
  );
}

/** A reference as the user wants to see it before the answer; as `verses-core` shows it in the terminal. */
export function Reference({ reference, mode }: { reference: string; mode: ReferenceDisplayMode }) {
  if (mode === "full") return <>{reference}</>;
  if (mode === "first") return <>{reference.replace(WORD, (word) => [...word][0] ?? "")}</>;
  return (
    <>
      <span class="unseen">Reference hidden</span>
      <span class="blank" aria-hidden="true" />
    </>
  );
}
