// Reviewing by keys, and the dialog that lists them. They can be switched off, for those who speak or dictate to their device.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { remember, remembered } from "../../remembered";
import { Button, Switch } from "../../ui/controls";
import { Dialog } from "../../ui/Dialog";

const KEYS_KEY = "verses.review-keys";

const areKeysOn = signal(remembered(KEYS_KEY) !== "off");

export type Command = "reveal" | "word" | "not-yet" | "got-it" | "help";

const COMMANDS: Record<string, Command> = {
  " ": "reveal",
  w: "word",
  "1": "not-yet",
  j: "not-yet",
  "2": "got-it",
  k: "got-it",
  "?": "help",
};

const LINES: [string[], string][] = [
  [["Space"], "Show all, or hide again"],
  [["W"], "Show the next word, or hide more"],
  [["1", "J"], "Not yet"],
  [["2", "K"], "Got it"],
  [["?"], "Show these keys"],
];

/** While one of these has the focus, keys are for it. */
const TAKES_KEYS = "input:not([type=radio]), textarea, select, [contenteditable]";
/** The space bar presses these. */
const TAKES_SPACE = "button, a, summary, input";

export function useKeys(onCommand: (command: Command) => void): void {
  const run = useRef(onCommand);
  run.current = onCommand;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
      const command = COMMANDS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!command || document.querySelector("dialog[open]")) return;
      if (!areKeysOn.value && command !== "help") return;
      const focused = document.activeElement;
      if (focused?.matches(TAKES_KEYS) || (event.key === " " && focused?.matches(TAKES_SPACE))) return;
      event.preventDefault();
      run.current(command);
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}

export function KeysDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const choose = (on: boolean) => {
    areKeysOn.value = on;
    remember(KEYS_KEY, on ? "on" : "off");
  };
  return (
    <Dialog open={open} title="Keys" onClose={onClose} actions={<Button tone="primary" onClick={onClose}>Close</Button>}>
      <dl class="keys">
        {LINES.map(([keys, meaning]) => (
          <div key={meaning}>
            <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <Switch label="Use these keys" on={areKeysOn.value} onChange={choose} />
      <p class="soft small">On a touch screen, swipe the passage: right for “Got it”, left for “Not yet”.</p>
    </Dialog>
  );
}
