// Leaving an account: signing out, with what becomes of unsent changes, and deleting it.

import { useState } from "preact/hooks";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { count } from "../../format";
import { online, toast } from "../../state";
import { Button, TextField } from "../../ui/controls";
import { Check, Radios } from "../../ui/choices";
import { Banner } from "../../ui/display";
import { Dialog } from "../../ui/Dialog";

interface LeavingProps {
  open: boolean;
  onClose: () => void;
  /** Once the account is left. */
  onDone: () => void;
}

export function SignOutDialog({ open, unsent, onClose, onDone }: LeavingProps & { unsent: number }) {
  const [what, setWhat] = useState<"keep" | "forget">("keep");
  const [everywhere, setEverywhere] = useState(false);
  const [busy, run] = useBusy();
  const [fault, setFault] = useState<string | null>(null);
  const signOut = () => run(async () => {
    setFault(null);
    const { parkedOperations, serverTold } = await call("signOut", { everywhere, forget: what === "forget" });
    const kept = what === "keep" && parkedOperations > 0 ? ` ${count(parkedOperations, "change")} kept for the next time.` : "";
    const untold = serverTold ? "" : " The server could not be told; this device has forgotten the session.";
    toast(`You are signed out.${kept}${untold}`);
    onClose();
    onDone();
  }, (error) => setFault(error.message));
  return (
    <Dialog
      open={open}
      title="Sign out?"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone={what === "forget" ? "danger" : "primary"} busy={busy} onClick={signOut}>
            {what === "forget" ? "Sign out and remove" : "Sign out"}
          </Button>
        </>
      }
    >
      {unsent > 0 ? (
        <Banner tone="warn" icon="waiting">
          {count(unsent, "change")} of yours {unsent === 1 ? "has" : "have"} not reached your account yet.
        </Banner>
      ) : (
        <p>Everything you did is in your account.</p>
      )}
      <Radios
        label="Your passages on this device"
        value={what}
        choices={[
          { value: "keep", label: "Keep them", hint: "They are there again when you sign in here. Nobody else sees them in the app." },
          {
            value: "forget",
            label: "Remove them",
            hint: unsent > 0 ? `Best on a device that is not yours. The ${count(unsent, "change")} would be lost.` : "Best on a device that is not yours.",
          },
        ]}
        onChange={setWhat}
      />
      <Check on={everywhere} onChange={setEverywhere}>Sign out on all my devices</Check>
      {fault && <p class="fault" role="alert">{fault}</p>}
    </Dialog>
  );
}

const WORD = "delete";

export function DeleteDialog({ open, onClose, onDone }: LeavingProps) {
  const [typed, setTyped] = useState("");
  const [busy, run] = useBusy();
  const [fault, setFault] = useState<string | null>(null);
  const close = () => {
    setTyped("");
    setFault(null);
    onClose();
  };
  const remove = () => run(async () => {
    if (typed.trim().toLowerCase() !== WORD) throw new Error(`Type the word “${WORD}” to go on.`);
    await call("deleteAccount", {});
    toast("Your account is deleted.");
    close();
    onDone();
  }, (error) => setFault(error.message));
  return (
    <Dialog
      open={open}
      title="Delete your account?"
      onClose={close}
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button tone="danger" icon="trash" busy={busy} disabled={!online.value} onClick={remove}>Delete for good</Button>
        </>
      }
    >
      <p>Your account, your passages and your reviews are removed from the server and from this device. Nobody can bring them back.</p>
      <p class="soft">To keep a copy, close this and save your data as a file first.</p>
      <TextField
        label={`Type “${WORD}” to confirm`}
        value={typed}
        fault={fault}
        hint={online.value ? undefined : "This needs a network, and there is none just now."}
        autocomplete="off"
        onInput={setTyped}
      />
    </Dialog>
  );
}
