// What is asked before a passage is archived, restored or given another pace.

import { useState } from "preact/hooks";
import type { Card, Phase } from "../../engine/api";
import { call } from "../../engine/client";
import { PHASES, PHASE_NAMES } from "../../format";
import { toast, toastError } from "../../state";
import { Button } from "../../ui/controls";
import { Dialog } from "../../ui/Dialog";

interface DialogProps {
  card: Card;
  open: boolean;
  onClose: () => void;
}

/** Runs once at a time, closes the dialog after success, and says what happened. */
function useAction(onClose: () => void): { busy: boolean; run: (action: () => Promise<unknown>, done: string) => void } {
  const [busy, setBusy] = useState(false);
  const run = (action: () => Promise<unknown>, done: string) => {
    if (busy) return;
    setBusy(true);
    action()
      .then(() => {
        onClose();
        toast(done, { tone: "good" });
      })
      .catch(toastError)
      .finally(() => setBusy(false));
  };
  return { busy, run };
}

const EVERY: Record<Phase, string> = {
  daily: "Every day, 14 reviews",
  weekly: "Once a week, 4 reviews",
  biweekly: "Every second week, 4 reviews",
  monthly: "Once a month, for good",
};

export function PhaseDialog({ card, open, onClose }: DialogProps) {
  const [chosen, setChosen] = useState<Phase>(card.phase);
  const { busy, run } = useAction(onClose);
  const save = () =>
    run(() => call("setPhase", { verseId: card.verseId, phase: chosen }), `Set to ${PHASE_NAMES[chosen].toLowerCase()}.`);
  return (
    <Dialog
      open={open}
      title="How often should it come?"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" busy={busy} onClick={save}>Set</Button>
        </>
      }
    >
      <fieldset class="phases">
        <legend class="unseen">How often</legend>
        {PHASES.map((phase) => (
          <label key={phase}>
            <input type="radio" name="phase" checked={chosen === phase} onChange={() => setChosen(phase)} />
            <span>
              {PHASE_NAMES[phase]}
              <br />
              <span class="small soft">{EVERY[phase]}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <p class="soft">Its progress and its streak begin again from nothing. The best streak stays.</p>
    </Dialog>
  );
}

export function ArchiveDialog({ card, open, onClose }: DialogProps) {
  const { busy, run } = useAction(onClose);
  const { verseId, archived } = card;
  const save = () =>
    run(() => call("archive", { verseId, archived: !archived }), archived ? "Restored. It comes again." : "Archived. It comes no more.");
  return (
    <Dialog
      open={open}
      title={archived ? "Restore this passage?" : "Archive this passage?"}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" busy={busy} onClick={save}>{archived ? "Restore" : "Archive"}</Button>
        </>
      }
    >
      <p>
        {archived
          ? "It comes back to your reviews. Its progress and its streak begin again from nothing."
          : "It stays in your library, but comes no more in your reviews. If you restore it later, its progress begins again from nothing."}
      </p>
    </Dialog>
  );
}
