// How what was typed is understood, entry by entry: those that need a look first.

import type { ParsedEntry, ParsedPassage } from "../../engine/api";
import { count } from "../../format";
import { versePath } from "../../router";
import { Button } from "../../ui/controls";
import { Badge } from "../../ui/display";
import { Icon } from "../../ui/icons";
import { useMore } from "../sync/lists";
import { isAddable, needsLook } from "./adding";

/** So many are drawn at once: a list of a thousand stays smooth. */
const FIRST_SHOWN = 30;

function State({ passage }: { passage: ParsedPassage }) {
  const { state, tooLong, verses } = passage;
  if (tooLong) return <Badge tone="bad">Too long for one card</Badge>;
  return (
    <>
      {verses > 1 && <span class="soft small numbers">{count(verses, "verse")}</span>}
      {state === "known" && <Badge icon="check">Already yours</Badge>}
      {state === "archived" && <Badge tone="accent" icon="restore">In your archive</Badge>}
      {state === "repeated" && <Badge>Twice in this list</Badge>}
    </>
  );
}

function Understood({ passage, isOnly, noWords }: { passage: ParsedPassage; isOnly: boolean; noWords: string | null }) {
  const { reference, preview, state, tooLong, verseId, verses } = passage;
  const text = tooLong ? `It has ${count(verses, "verse")}. Add it in smaller parts.` : preview || noWords;
  return (
    <div class="stack tight">
      <div class="line">
        <strong>{state === "known" ? <a href={versePath(verseId)}><bdi>{reference}</bdi></a> : <bdi>{reference}</bdi>}</strong>
        <State passage={passage} />
      </div>
      {state === "archived" && <p class="small">Adding brings it back. Its progress begins again from nothing.</p>}
      {text && (
        <p dir={preview ? "auto" : undefined} class={preview ? (isOnly ? "verse-text" : "excerpt soft") : "soft small"}>{text}</p>
      )}
    </div>
  );
}

function NotUnderstood({ entry, onReplace }: { entry: ParsedEntry; onReplace: (entry: ParsedEntry, by: string) => void }) {
  const suggestion = entry.error?.suggestion;
  return (
    <div class="stack tight">
      <strong><bdi>{entry.input}</bdi></strong>
      <p>{entry.error?.message}</p>
      {suggestion && (
        <div class="line"><Button onClick={() => onReplace(entry, suggestion)}>Use “{suggestion}”</Button></div>
      )}
    </div>
  );
}

interface EntriesProps {
  entries: ParsedEntry[];
  /** Why words may be missing; null: they are simply not shown. */
  noWords: string | null;
  onReplace: (entry: ParsedEntry, by: string) => void;
}

export function Entries({ entries, noWords, onReplace }: EntriesProps) {
  const faulty = entries.filter(needsLook);
  const ordered = [...faulty, ...entries.filter((it) => !needsLook(it))];
  const { shown, more } = useMore(ordered.length, FIRST_SHOWN);
  if (ordered.length === 0) return null;
  return (
    <>
      <ul class="rows entries" aria-label="How it is understood">
        {ordered.slice(0, shown).map((entry, n) => (
          <li key={`${entry.start} ${n}`} class={needsLook(entry) ? "bad" : isAddable(entry) ? "good" : "idle"}>
            <Icon name={needsLook(entry) ? "alert" : "check"} />
            {entry.passage ? (
              <Understood passage={entry.passage} isOnly={ordered.length === 1} noWords={noWords} />
            ) : (
              <NotUnderstood entry={entry} onReplace={onReplace} />
            )}
          </li>
        ))}
      </ul>
      {more}
    </>
  );
}

/** "12 new, 1 in your archive, 2 already yours; 1 needs a look." */
export function summary(entries: ParsedEntry[]): string {
  const good = entries.filter((it) => it.passage && !it.passage.tooLong);
  const of = (state: ParsedPassage["state"]) => good.filter((it) => it.passage?.state === state).length;
  const look = entries.filter(needsLook).length;
  const parts = [
    [of("new"), "new"], [of("archived"), "in your archive"], [of("known"), "already yours"], [of("repeated"), "twice in this list"],
  ].filter(([n]) => Number(n) > 0).map(([n, words]) => `${Number(n).toLocaleString()} ${words}`);
  if (look > 0) parts.push(`${look.toLocaleString()} ${look === 1 ? "needs" : "need"} a look`);
  return parts.join(", ");
}
