// Starter lists: choose one, see its passages, add all or some.

import { useMemo, useRef, useState } from "preact/hooks";
import { useBusy } from "../../busy";
import type { StarterPack } from "../../engine/api";
import { count } from "../../format";
import { useQuery } from "../../query";
import { overview } from "../../state";
import { Button } from "../../ui/controls";
import { Badge, Card, Loaded, Skeleton } from "../../ui/display";
import { Icon } from "../../ui/icons";
import { type Outcome, addInPieces } from "./adding";
import { Result } from "./result";

function Items({ pack, onAdded }: { pack: StarterPack; onAdded: (outcome: Outcome) => void }) {
  const open = pack.items.filter((it) => !it.known);
  /** Those that are left out. */
  const [without, setWithout] = useState<ReadonlySet<string>>(new Set());
  const [busy, run] = useBusy();
  const [fault, setFault] = useState<string | null>(null);
  const wanted = open.filter((it) => !without.has(it.osis));
  const list = useMemo(() => pack.items.map((it) => it.osis).join("\n"), [pack.id]);
  const words = useQuery("parse", { text: list, translation: null }, { live: false });
  const preview = (n: number): string => words.data?.[n]?.passage?.preview ?? "";

  const add = () => run(async () => {
    setFault(null);
    const results = await addInPieces(wanted.map((it) => ({ reference: it.osis })), () => undefined);
    const of = (outcome: string) => results.filter((it) => it.outcome === outcome);
    const done = results.find((it) => it.outcome === "added");
    onAdded({
      added: of("added").length, restored: 0, known: of("duplicate").length, failures: of("failed"),
      verseId: of("added").length === 1 ? (done?.card?.verseId ?? null) : null, rest: "",
    });
  }, (error) => setFault(error.message));
  const toggle = (osis: string) => {
    const next = new Set(without);
    if (!next.delete(osis)) next.add(osis);
    setWithout(next);
  };
  return (
    <div class="stack">
      <ul class="plain-rows">
        {pack.items.map((it, n) => {
          const inner = (
            <span class="stack tight">
              <span class="line"><strong>{it.reference}</strong>{it.known && <Badge icon="check">Already yours</Badge>}</span>
              {/* Keeps its place until the words are there. */}
              <span class="excerpt soft">{preview(n) || (words.loading ? "\u00a0" : "")}</span>
            </span>
          );
          return (
            <li key={it.osis}>
              {it.known ? (
                <div class="check known">{inner}</div>
              ) : (
                <label class="check">
                  <input type="checkbox" checked={!without.has(it.osis)} onChange={() => toggle(it.osis)} />
                  {inner}
                </label>
              )}
            </li>
          );
        })}
      </ul>
      {fault && <p class="fault" role="alert">{fault}</p>}
      {open.length === 0 ? (
        <p class="soft">All of these are yours already.</p>
      ) : (
        <div class="line">
          <Button tone="primary" icon="add" busy={busy} disabled={wanted.length === 0} onClick={add}>
            {wanted.length === open.length && open.length > 1 ? `Add all ${open.length}` : `Add ${count(wanted.length, "passage")}`}
          </Button>
          {open.length > 1 && (
            <Button tone="quiet" onClick={() => setWithout(new Set(wanted.length > 0 ? open.map((it) => it.osis) : []))}>
              {wanted.length > 0 ? "Choose none" : "Choose all"}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

export function Packs() {
  const query = useQuery("starterPacks", {});
  const [opened, setOpened] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const result = useRef<HTMLDivElement>(null);
  return (
    <div class="stack">
      <Result outcome={outcome} focus={result} />
      <p class="soft">Good places to begin. The words are those of your translation, {overview.value?.translation}.</p>
      <Loaded
        query={query}
        title="The lists could not be read"
        skeleton={<div class="stack"><Skeleton height="4.75rem" /><Skeleton height="4.75rem" /><Skeleton height="4.75rem" /></div>}
      >
        {(packs) => packs.map((pack) => {
          const known = pack.items.filter((it) => it.known).length;
          const isOpen = pack.id === opened;
          return (
            <Card key={pack.id} class="stack pack">
              <h2>
                <button type="button" class="disclosure" aria-expanded={isOpen} onClick={() => setOpened(isOpen ? null : pack.id)}>
                  <Icon name="down" />
                  <span>
                    {pack.title}
                    <br />
                    <span class="soft small">
                      {count(pack.items.length, "passage")}{known > 0 && `, ${known} already yours`}
                    </span>
                  </span>
                </button>
              </h2>
              {isOpen && (
                <Items
                  pack={pack}
                  onAdded={(it) => {
                    setOutcome(it);
                    result.current?.focus();
                  }}
                />
              )}
            </Card>
          );
        })}
      </Loaded>
    </div>
  );
}
