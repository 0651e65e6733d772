// A dialog over the page: the browser's own, which keeps the focus inside and gives it back.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface DialogProps {
  open: boolean;
  title: string;
  children: ComponentChildren;
  /** The buttons below. */
  actions: ComponentChildren;
  /** On Escape, and on a press beside it. */
  onClose: () => void;
}

export function Dialog({ open, title, children, actions, onClose }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    if (!dialog || !open) return;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      // What opened it may be gone by now; then the browser decides.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, [open]);
  return (
    <dialog
      ref={element}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // Browsers may close it without asking, when Escape is pressed again.
      onClose={() => open && onClose()}
      onClick={(event) => {
        const dialog = element.current;
        if (!dialog || event.target !== dialog) return;
        const box = dialog.getBoundingClientRect();
        const { clientX: x, clientY: y } = event;
        if (x < box.left || x > box.right || y < box.top || y > box.bottom) onClose();
      }}
    >
      {open && (
        <div class="stack">
          <h2 id={id}>{title}</h2>
          {children}
          <div class="actions">{actions}</div>
        </div>
      )}
    </dialog>
  );
}
