// The profile: name, translation, how references are shown, time zone. Each choice is saved as it is made; the name on "Save".

import { useEffect, useState } from "preact/hooks";
import type { Profile as ProfileData, ReferenceDisplayMode } from "../../engine/api";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { useQuery } from "../../query";
import { refreshOverview } from "../../state";
import { Button, Select, TextField } from "../../ui/controls";
import { Radios } from "../../ui/choices";
import { Card, Loaded, Skeleton } from "../../ui/display";
import { useTexts } from "../add/texts";

const MODES: { value: ReferenceDisplayMode; label: string; hint: string }[] = [
  { value: "full", label: "In full", hint: "1 Corinthians 13:4" },
  { value: "first", label: "First letters only", hint: "1 C 1:4: you recall the rest" },
  { value: "blank", label: "Hidden", hint: "You recall where it stands as well" },
];

const here = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Every zone the browser knows, with those in use, whatever it knows. */
function zones(...used: string[]): string[] {
  return [...new Set([...(Intl.supportedValuesOf?.("timeZone") ?? []), "UTC", ...used])].filter(Boolean).sort();
}

function Fields({ profile, onSaved }: { profile: ProfileData; onSaved: () => void }) {
  const [name, setName] = useState(profile.fullName);
  // It may come from another device.
  useEffect(() => setName(profile.fullName), [profile.fullName]);
  const [busy, run] = useBusy();
  const [said, setSaid] = useState("");
  const [fault, setFault] = useState<{ field: keyof ProfileData; message: string } | null>(null);
  const texts = useTexts().data ?? [];
  const device = here();
  const save = (update: Partial<ProfileData>) => run(async () => {
    setFault(null);
    setSaid("");
    await call("updateProfile", update);
    setSaid("Saved.");
    onSaved();
  }, ({ message }) => setFault({ field: Object.keys(update)[0] as keyof ProfileData, message }));
  const faultOf = (field: keyof ProfileData) => (fault?.field === field ? fault.message : null);
  const translations = texts.map((it) => ({ value: it.translation, label: `${it.translation}: ${it.title}` }));
  if (!texts.some((it) => it.translation === profile.translation)) {
    translations.unshift({ value: profile.translation, label: profile.translation });
  }
  return (
    <div class="stack">
      <form
        class="with-button"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) save({ fullName: name.trim() });
        }}
      >
        <TextField label="Name" autocomplete="name" maxLength={200} value={name} fault={faultOf("fullName")} onInput={setName} />
        <Button type="submit" busy={busy} disabled={name.trim() === profile.fullName}>Save</Button>
      </form>
      <Select
        label="Preferred translation"
        hint="For passages you add from now on. Those you have stay as they are."
        value={profile.translation}
        choices={translations}
        onChange={(value) => save({ translation: value })}
      />
      <Radios
        label="References while you review"
        value={profile.displayMode}
        choices={MODES}
        onChange={(value) => save({ displayMode: value })}
      />
      <Select
        label="Time zone"
        hint="It decides when a new day begins."
        value={profile.timezone}
        choices={zones(profile.timezone, device).map((value) => ({ value, label: value.replaceAll("_", " ") }))}
        onChange={(value) => save({ timezone: value })}
      />
      {device && device !== profile.timezone && (
        <div class="line">
          <Button onClick={() => save({ timezone: device })}>Use this device’s ({device.replaceAll("_", " ")})</Button>
        </div>
      )}
      {fault && fault.field !== "fullName" && <p class="fault" role="alert">{fault.message}</p>}
      <p class="unseen" role="status">{said}</p>
    </div>
  );
}

export function Profile() {
  const query = useQuery("profile", {});
  return (
    <Card class="stack">
      <h2>Profile</h2>
      <Loaded query={query} title="Your profile could not be read" skeleton={<Skeleton height="31rem" />}>
        {(profile) => (
          <Fields
            profile={profile}
            onSaved={() => {
              query.reload();
              void refreshOverview();
            }}
          />
        )}
      </Loaded>
    </Card>
  );
}
