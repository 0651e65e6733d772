// A list of any length that scrolls with the window: only the rows in sight, and some around them, are in the page. Each
// says its place in the whole, and the row that has the focus stays, so that keys and screen readers work as in a short list.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

interface VirtualListProps {
  label: string;
  total: number;
  /** In pixels, the same for all. */
  rowHeight: number;
  render: (index: number) => ComponentChildren;
  /** Which rows are wanted: half open, whenever that changes. */
  onWindow: (from: number, to: number) => void;
}

/** Rows kept above and below those in sight, so that quick scrolling finds them there. */
const AROUND = 12;

export function VirtualList({ label, total, rowHeight, render, onWindow }: VirtualListProps) {
  const list = useRef<HTMLUListElement>(null);
  const [range, setRange] = useState({ from: 0, to: Math.min(total, 2 * AROUND) });
  const [focused, setFocused] = useState<number | null>(null);

  useLayoutEffect(() => {
    const measure = () => {
      if (!list.current) return;
      const top = -list.current.getBoundingClientRect().top;
      const first = Math.floor(top / rowHeight) - AROUND;
      const last = Math.ceil((top + innerHeight) / rowHeight) + AROUND;
      // In steps, so that not every pixel draws.
      const from = Math.max(0, Math.min(total, first - (((first % 4) + 4) % 4)));
      const to = Math.max(from, Math.min(total, last + 4));
      setRange((old) => (old.from === from && old.to === to ? old : { from, to }));
    };
    measure();
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    return () => {
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
    };
  }, [total, rowHeight]);

  const { from, to } = range;
  useEffect(() => onWindow(from, to), [from, to, onWindow]);

  const shown: number[] = [];
  for (let index = from; index < Math.min(to, total); index += 1) shown.push(index);
  if (focused !== null && focused < total && (focused < from || focused >= to)) {
    if (focused < from) shown.unshift(focused);
    else shown.push(focused);
  }

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || focused === null) return;
    const next = list.current?.querySelector<HTMLElement>(`[data-index="${focused + step}"] :is(a, button)`);
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  return (
    <ul
      ref={list}
      class="virtual"
      style={{ blockSize: `${total * rowHeight}px` }}
      aria-label={label}
      onKeyDown={onKeyDown}
      onFocusIn={(event) => {
        const item = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-index]") : null;
        if (item) setFocused(Number(item.dataset.index));
      }}
      onFocusOut={() => setFocused(null)}
    >
      {shown.map((index) => (
        <li
          key={index}
          data-index={index}
          aria-setsize={total}
          aria-posinset={index + 1}
          style={{ transform: `translateY(${index * rowHeight}px)`, blockSize: `${rowHeight}px` }}
        >
          {render(index)}
        </li>
      ))}
    </ul>
  );
}
