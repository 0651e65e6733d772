// Add: references typed or pasted, texts of one's own, and starter lists.

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { STARTER_HASH } from "../router";
import { overview } from "../state";
import { Button, Segmented } from "../ui/controls";
import { PageHead } from "../ui/display";
import { OwnText } from "./add/own";
import { Packs } from "./add/packs";
import { References } from "./add/references";

type Way = "references" | "own" | "packs";

/** Kept while other pages are open. */
const way = signal<Way>("references");

export default function AddPage() {
  // Before the first picture; after that the choice is the user's.
  useState(() => location.hash === STARTER_HASH && (way.value = "packs"));
  return (
    <>
      <PageHead title="Add" />
      <div class="stack">
        <Segmented
          label="What to add"
          value={way.value}
          choices={[
            { value: "references", label: "Passages" },
            { value: "packs", label: "Starter lists" },
            { value: "own", label: "Own words" },
          ]}
          onChange={(value) => (way.value = value)}
        />
        {way.value === "references" && (
          <>
            <References />
            {overview.value?.cards === 0 && (
              <div class="line">
                <span class="soft">Not sure where to begin?</span>
                <Button onClick={() => (way.value = "packs")}>See the starter lists</Button>
              </div>
            )}
          </>
        )}
        {way.value === "own" && <OwnText />}
        {way.value === "packs" && <Packs />}
      </div>
    </>
  );
}
