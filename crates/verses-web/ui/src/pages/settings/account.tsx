// The account: guest, signed in, or a session that has ended.

import { useRef, useState } from "preact/hooks";
import type { Overview } from "../../engine/api";
import { count } from "../../format";
import { refreshOverview } from "../../state";
import { Button } from "../../ui/controls";
import { Banner, Card } from "../../ui/display";
import { Icon } from "../../ui/icons";
import { DeleteDialog, SignOutDialog } from "./leaving";
import { Signing } from "./signing";

/** A dialog that closes gives the focus back first. */
const AFTER_DIALOG_MS = 60;

export function Account({ seen }: { seen: Overview }) {
  const { account, waiting, failed, cards } = seen;
  const heading = useRef<HTMLHeadingElement>(null);
  const [said, setSaid] = useState("");
  const [asked, setAsked] = useState<"signOut" | "delete" | null>(null);
  const unsent = waiting + failed;
  // What had the focus is gone with the form or the button.
  const settled = (words = "") => {
    setSaid(words);
    void refreshOverview();
    setTimeout(() => heading.current?.focus(), AFTER_DIALOG_MS);
  };
  const close = () => setAsked(null);
  return (
    <Card class="stack">
      <h2 tabIndex={-1} ref={heading}>Account</h2>
      <div role="status" class="result">{said && <Banner icon="check">{said}</Banner>}</div>
      {account.kind === "guest" && (
        <>
          <div class="who">
            <span class="disc"><Icon name="person" size={24} /></span>
            <div>
              <p><strong>You use Verses without an account</strong></p>
              <p class="soft small">
                {cards > 0 ? `Your ${count(cards, "passage")} ${cards === 1 ? "is" : "are"}` : "What you add is"} on this device only. With
                an account they are safe if the device is lost, and on all your devices. What is here comes along.
              </p>
            </div>
          </div>
          <Signing email="" onDone={settled} />
        </>
      )}
      {account.kind !== "guest" && (
        <>
          <div class="who">
            <span class="disc"><Icon name="person" size={24} /></span>
            <div>
              <p class="soft small">{account.signedIn ? "Signed in as" : "Your account"}</p>
              <p class="address"><strong><bdi>{account.email || "A device without an address"}</bdi></strong></p>
            </div>
          </div>
          {!account.signedIn && (
            <>
              <Banner tone="warn" icon="alert">
                Your session has ended. Sign in again to go on syncing.
                {unsent > 0 && ` ${count(unsent, "change")} ${unsent === 1 ? "waits" : "wait"} on this device.`}
              </Banner>
              <Signing again email={account.email} onDone={settled} />
            </>
          )}
          {account.kind === "anonymous" && account.signedIn && (
            <p class="soft">This account has no address: only this device can open it. Save your data as a file before you sign out.</p>
          )}
          <div class="line">
            <Button onClick={() => setAsked("signOut")}>Sign out</Button>
            {account.signedIn && <Button tone="quiet" icon="trash" onClick={() => setAsked("delete")}>Delete account</Button>}
          </div>
          <SignOutDialog open={asked === "signOut"} unsent={unsent} onClose={close} onDone={settled} />
          <DeleteDialog open={asked === "delete"} onClose={close} onDone={settled} />
        </>
      )}
    </Card>
  );
}
