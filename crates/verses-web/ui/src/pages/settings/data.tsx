// One's own data as a file: saved and read back.

import { useRef, useState } from "preact/hooks";
import type { ImportResult } from "../../engine/api";
import { useBusy } from "../../busy";
import { call } from "../../engine/client";
import { count } from "../../format";
import { overview } from "../../state";
import { Button } from "../../ui/controls";
import { Banner, Card } from "../../ui/display";
import { Failures } from "../add/result";
import { saveFile } from "./files";

/** Far more than anybody's data; a wrong file should not stop the page. */
const MAX_FILE_BYTES = 100_000_000;

function Imported({ result }: { result: ImportResult }) {
  const { added, duplicates, failed, phases } = result;
  const parts = [
    `${count(added, "passage")} added`,
    duplicates > 0 && `${duplicates.toLocaleString()} already yours`,
    phases > 0 && `${phases.toLocaleString()} set to the phase in the file`,
    failed.length > 0 && `${failed.length.toLocaleString()} could not be read`,
  ].filter(Boolean);
  return (
    <Banner tone={failed.length > 0 ? "warn" : "plain"} icon={failed.length > 0 ? "alert" : "check"}>
      <p>{parts.join(", ")}.</p>
      <Failures failures={failed} />
    </Banner>
  );
}

export function YourData() {
  const picker = useRef<HTMLInputElement>(null);
  const [isSaving, runSave] = useBusy();
  const [isReading, runRead] = useBusy();
  const [result, setResult] = useState<ImportResult | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const save = () => runSave(async () => {
    saveFile(`verses-${overview.value?.today ?? "data"}.json`, "application/json", await call("exportData", {}));
  });
  const take = (file: File) => runRead(async () => {
    setResult(null);
    setFault(null);
    if (file.size > MAX_FILE_BYTES) throw new Error("This file is too large to be one that Verses saved.");
    setResult(await call("importData", { data: await file.text() }));
  }, (error) => setFault(error.message));
  return (
    <Card class="stack">
      <div>
        <h2>Your data</h2>
        <p class="soft small">All your passages and reviews in one file, to keep safe or take elsewhere. Reading it adds the passages with their phases, not past reviews.</p>
      </div>
      <div class="line">
        <Button icon="install" busy={isSaving} onClick={save}>Save as a file</Button>
        <Button icon="restore" busy={isReading} onClick={() => picker.current?.click()}>
          {isReading ? "Reading…" : "Read a file"}
        </Button>
        <input
          ref={picker}
          type="file"
          accept=".json,application/json"
          hidden
          aria-label="A file that Verses saved"
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            // The same file may be chosen again after it was mended.
            event.currentTarget.value = "";
            if (file) take(file);
          }}
        />
      </div>
      <div role="status" class="result">{result && <Imported result={result} />}</div>
      {fault && <div role="alert"><Banner tone="bad" icon="alert">{fault}</Banner></div>}
    </Card>
  );
}
