// Answering by swiping the passage: right is "got it", left is "not yet". For fingers and pens; a mouse selects text.

import { useEffect, useRef } from "preact/hooks";

/** How far the passage must go, in pixels. */
const ENOUGH = 96;
/** From here on it is a swipe, and no scrolling. */
const INTENT = 12;
const AWAY_MS = 160;

export function useSwipe(onAnswer: (wasSuccessful: boolean) => void, isEnabled: boolean) {
  const element = useRef<HTMLElement>(null);
  const answer = useRef(onAnswer);
  answer.current = onAnswer;

  useEffect(() => {
    const card = element.current;
    if (!card || !isEnabled) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    let start: { id: number; x: number; y: number } | null = null;
    let isSwiping = false;
    let moved = 0;

    const place = (x: number) => {
      moved = x;
      // The direction shows in any case; the passage itself moves only where motion is welcome.
      card.dataset.swipe = Math.abs(x) < INTENT ? "" : x > 0 ? "right" : "left";
      card.dataset.enough = Math.abs(x) >= ENOUGH ? "yes" : "";
      if (!still.matches) card.style.transform = x === 0 ? "" : `translateX(${x}px) rotate(${x / 60}deg)`;
    };
    const rest = () => {
      start = null;
      isSwiping = false;
      card.style.transition = still.matches ? "" : `transform ${AWAY_MS}ms`;
      place(0);
    };
    const down = (event: PointerEvent) => {
      if (event.pointerType === "mouse" || !event.isPrimary) return;
      if (event.target instanceof Element && event.target.closest("textarea, button, a, input")) return;
      start = { id: event.pointerId, x: event.clientX, y: event.clientY };
      card.style.transition = "";
    };
    const move = (event: PointerEvent) => {
      if (!start || event.pointerId !== start.id) return;
      const x = event.clientX - start.x;
      if (!isSwiping) {
        if (Math.abs(x) < INTENT || Math.abs(x) < 1.5 * Math.abs(event.clientY - start.y)) return;
        isSwiping = true;
        card.setPointerCapture(event.pointerId);
      }
      place(x);
    };
    const up = (event: PointerEvent) => {
      if (!start || event.pointerId !== start.id) return;
      const isAnswer = isSwiping && Math.abs(moved) >= ENOUGH;
      const wasSuccessful = moved > 0;
      if (!isAnswer || still.matches) {
        rest();
        if (isAnswer) answer.current(wasSuccessful);
        return;
      }
      start = null;
      isSwiping = false;
      card.style.transition = `transform ${AWAY_MS}ms ease-in`;
      card.style.transform = `translateX(${wasSuccessful ? 120 : -120}%)`;
      setTimeout(() => {
        card.style.transition = "";
        place(0);
        answer.current(wasSuccessful);
      }, AWAY_MS);
    };
    card.addEventListener("pointerdown", down);
    card.addEventListener("pointermove", move);
    card.addEventListener("pointerup", up);
    card.addEventListener("pointercancel", rest);
    return () => {
      card.removeEventListener("pointerdown", down);
      card.removeEventListener("pointermove", move);
      card.removeEventListener("pointerup", up);
      card.removeEventListener("pointercancel", rest);
      card.style.transform = "";
    };
  }, [isEnabled]);
  return element;
}
