// How this device syncs: sizes, waits and tries. An empty field has its default; what the engine refuses is said at the field.

import { useRef, useState } from "preact/hooks";
import type { DeviceSettings, Settings } from "../../engine/api";
import { asCallError, call } from "../../engine/client";
import { useQuery } from "../../query";
import { toast } from "../../state";
import { Button, Switch, TextField } from "../../ui/controls";
import { Card, Loaded, Skeleton } from "../../ui/display";

type NumberName = "maxBatchSize" | "batchTimeoutMs" | "maxRetries" | "fetchIntervalMs";

interface NumberField {
  name: NumberName;
  label: string;
  hint: string;
  unit: string;
  /** How many of the engine's units make one that people type. */
  scale: number;
}

const FIELDS: NumberField[] = [
  { name: "maxBatchSize", label: "Changes in a batch, at most", hint: "So many waiting changes are sent at once.", unit: "", scale: 1 },
  { name: "batchTimeoutMs", label: "Longest wait for a batch, in seconds", hint: "A change waits no longer than this for others.", unit: "seconds", scale: 1000 },
  { name: "maxRetries", label: "Tries before a change needs your attention", hint: "A missing network never counts.", unit: "", scale: 1 },
  { name: "fetchIntervalMs", label: "Look for news from other devices, in minutes", hint: "While the app is open.", unit: "minutes", scale: 60_000 },
];

/** The engine has 32 bits for some of them. */
const MAX_NUMBER = 4e9;

const BACK_TO_DEFAULTS: DeviceSettings = {
  batch: { maxBatchSize: null, batchTimeoutMs: null, maxRetries: null, networkAwareThrottling: null, individualOnly: null },
  fetchIntervalMs: null,
};

const read = (from: DeviceSettings, name: NumberName): number | null =>
  name === "fetchIntervalMs" ? from.fetchIntervalMs : from.batch[name];

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Which field a refusal names, and what to say at it: "`max_batch_size` is 0, but must be at least 1 and at most 9". */
function refusal(message: string): { name: string; text: string } {
  const [, name = "", rule] = /`(\w+)`(?:.*? must be (.*))?/.exec(message) ?? [];
  const field = FIELDS.find((it) => it.name === camel(name));
  if (!field) return { name: "", text: message };
  const shown = rule?.replace(/\d+/g, (digits) => (Number(digits) / field.scale).toLocaleString());
  return { name: field.name, text: shown ? `It must be ${shown}${field.unit && ` ${field.unit}`}.` : message };
}

function Fields({ settings, onSaved }: { settings: Settings; onSaved: () => void }) {
  const { chosen, defaults } = settings;
  const initial = () => Object.fromEntries(FIELDS.map(({ name, scale }) => {
    const value = read(chosen, name);
    return [name, value === null ? "" : String(value / scale)];
  })) as Record<NumberName, string>;
  const [typed, setTyped] = useState(initial);
  const [follow, setFollow] = useState(chosen.batch.networkAwareThrottling);
  const [single, setSingle] = useState(chosen.batch.individualOnly);
  const [fault, setFault] = useState<{ name: string; text: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const refuse = (found: { name: string; text: string }) => {
    setFault(found);
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus());
  };

  const save = async (update: DeviceSettings, words: string) => {
    setBusy(true);
    setFault(null);
    try {
      await call("updateSettings", update);
      toast(words, { tone: "good" });
      onSaved();
      return true;
    } catch (error) {
      refuse(refusal(asCallError(error).message));
      return false;
    } finally {
      setBusy(false);
    }
  };
  const submit = () => {
    const values: Partial<Record<NumberName, number | null>> = {};
    for (const { name, scale } of FIELDS) {
      const value = typed[name].trim() === "" ? null : Math.round(Number(typed[name].replace(",", ".")) * scale);
      if (value !== null && !(value >= 0)) return refuse({ name, text: "Write a number, or leave it empty." });
      if (value !== null && value > MAX_NUMBER) return refuse({ name, text: "This is too large." });
      values[name] = value;
    }
    const { fetchIntervalMs = null, maxBatchSize = null, batchTimeoutMs = null, maxRetries = null } = values;
    void save({
      batch: { maxBatchSize, batchTimeoutMs, maxRetries, networkAwareThrottling: follow, individualOnly: single },
      fetchIntervalMs,
    }, "Sync settings saved.");
    return undefined;
  };
  const reset = async () => {
    if (!(await save(BACK_TO_DEFAULTS, "Back to the defaults."))) return;
    setTyped({ maxBatchSize: "", batchTimeoutMs: "", maxRetries: "", fetchIntervalMs: "" });
    setFollow(null);
    setSingle(null);
  };
  const isDefault = JSON.stringify(chosen) === JSON.stringify(BACK_TO_DEFAULTS);
  const usual = (on: boolean | null) => `Default: ${on ? "on" : "off"}.`;
  return (
    <form
      ref={form}
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) submit();
      }}
    >
      <Switch
        label="Follow the network"
        hint={`Smaller batches when it is poor. ${usual(defaults.batch.networkAwareThrottling)}`}
        on={follow ?? defaults.batch.networkAwareThrottling ?? true}
        onChange={setFollow}
      />
      <Switch
        label="One by one only"
        hint={`For networks that refuse batches. Slower. ${usual(defaults.batch.individualOnly)}`}
        on={single ?? defaults.batch.individualOnly ?? false}
        onChange={setSingle}
      />
      <div class="pairs">
        {FIELDS.map(({ name, label, hint, unit, scale }) => {
          const standard = ((read(defaults, name) ?? 0) / scale).toLocaleString();
          return (
            <TextField
              key={name}
              label={label}
              hint={`${hint} Default: ${standard}${unit && ` ${unit}`}.`}
              placeholder={standard}
              inputMode="numeric"
              value={typed[name]}
              fault={fault?.name === name ? fault.text : null}
              onInput={(value) => setTyped({ ...typed, [name]: value })}
            />
          );
        })}
      </div>
      {fault?.name === "" && <p class="fault" role="alert">{fault.text}</p>}
      <div class="line">
        <Button type="submit" tone="primary" busy={busy}>Save</Button>
        <Button tone="quiet" disabled={isDefault} onClick={() => void reset()}>Back to defaults</Button>
      </div>
    </form>
  );
}

export function Syncing() {
  const query = useQuery("settings", {}, { live: false });
  return (
    <Card class="stack">
      <div>
        <h2>Sync on this device</h2>
        <p class="soft small">The defaults suit nearly everyone.</p>
      </div>
      <Loaded query={query} title="The settings could not be read" skeleton={<Skeleton height="26rem" />}>
        {(settings) => <Fields settings={settings} onSaved={query.reload} />}
      </Loaded>
    </Card>
  );
}
