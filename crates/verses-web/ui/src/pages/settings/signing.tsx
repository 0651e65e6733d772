// The forms to make an account and to sign in to one.

import { useRef, useState } from "preact/hooks";
import type { SignedIn } from "../../engine/api";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { count } from "../../format";
import { online } from "../../state";
import { Button, Segmented, TextField } from "../../ui/controls";
import { Check } from "../../ui/choices";
import { Banner } from "../../ui/display";

type Way = "signUp" | "signIn";

/** "12 passages and 3 changes are now in your account." */
function adopted({ adoptedVerses, adoptedOperations }: SignedIn): string {
  const parts = [
    adoptedVerses > 0 && count(adoptedVerses, "passage"),
    adoptedOperations > 0 && count(adoptedOperations, "change"),
  ].filter(Boolean);
  if (parts.length === 0) return "You are signed in.";
  return `You are signed in. ${parts.join(" and ")} ${adoptedVerses + adoptedOperations === 1 ? "is" : "are"} now in your account.`;
}

interface SigningProps {
  /** Whose session has ended; empty: anybody. */
  email: string;
  /** Only signing in makes sense. */
  again?: boolean;
  /** With what to say. */
  onDone: (words: string) => void;
}

export function Signing({ email: known, again = false, onDone }: SigningProps) {
  const [way, setWay] = useState<Way>(again ? "signIn" : "signUp");
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState("");
  const [isShown, setShown] = useState(false);
  const [faults, setFaults] = useState<{ email?: string; password?: string; form?: string }>({});
  const [busy, run] = useBusy();
  const form = useRef<HTMLFormElement>(null);

  const refuse = (found: typeof faults) => {
    setFaults(found);
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid], .banner")?.focus());
  };
  const send = () => {
    if (!/^\S+@\S+$/.test(email.trim())) return refuse({ email: "Write your e-mail address, such as ruth@example.org." });
    if (!password) return refuse({ password: "Write your password." });
    setFaults({});
    return run(
      async () => onDone(adopted(await call(way, { email: email.trim(), password }))),
      ({ code, message }) => refuse(/password/.test(code) ? { password: message } : { form: message }),
    );
  };

  return (
    <form
      ref={form}
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) send();
      }}
    >
      {!again && (
        <Segmented
          label="New or known"
          value={way}
          choices={[{ value: "signUp", label: "Make an account" }, { value: "signIn", label: "Sign in" }]}
          onChange={(value) => {
            setWay(value);
            setFaults({});
          }}
        />
      )}
      {faults.form && (
        <div role="alert"><Banner tone="bad" icon="alert">{faults.form}</Banner></div>
      )}
      <TextField
        label="E-mail address"
        type="email"
        autocomplete="username"
        inputMode="email"
        value={email}
        fault={faults.email}
        required
        onInput={setEmail}
      />
      <TextField
        label="Password"
        type={isShown ? "text" : "password"}
        autocomplete={way === "signUp" ? "new-password" : "current-password"}
        hint={way === "signUp" ? "At least 6 characters. A few words are easy to remember and hard to guess." : undefined}
        value={password}
        fault={faults.password}
        required
        onInput={setPassword}
      />
      <Check on={isShown} onChange={setShown}>Show the password</Check>
      {!online.value && <p class="small soft" id="signing-offline">There is no network just now. This needs one.</p>}
      <div class="line">
        <Button
          type="submit"
          tone="primary"
          busy={busy}
          disabled={!online.value}
          describedBy={online.value ? undefined : "signing-offline"}
        >
          {busy ? "One moment…" : way === "signUp" ? "Make an account" : "Sign in"}
        </Button>
      </div>
    </form>
  );
}
