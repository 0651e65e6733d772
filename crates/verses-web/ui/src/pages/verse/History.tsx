// What happened to a passage, newest first, and the days on which it comes next.

import { useState } from "preact/hooks";
import type { CardDetail, HistoryEntry } from "../../engine/api";
import { PHASE_NAMES, capital, count, formatDate, formatMoment, formatWhen } from "../../format";
import { Button } from "../../ui/controls";
import { Badge } from "../../ui/display";
import { Icon, type IconName } from "../../ui/icons";

/** Entries shown at first. */
const SHORT = 8;

function words(entry: HistoryEntry): { icon: IconName; text: string } {
  switch (entry.kind) {
    case "created":
      return { icon: "add", text: "Added" };
    case "archived":
      return { icon: "archive", text: "Archived" };
    case "restored":
      return { icon: "restore", text: "Restored" };
    case "phaseSet":
      return { icon: "calendar", text: `Set to ${entry.phase ? PHASE_NAMES[entry.phase].toLowerCase() : "another pace"}` };
    case "reviewed":
      return entry.wasSuccessful ? { icon: "check", text: "Got it" } : { icon: "close", text: "Not yet" };
  }
}

export function History({ history }: { history: HistoryEntry[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? history : history.slice(0, SHORT);
  return (
    <div class="stack tight">
      <ol class="history">
        {shown.map((entry) => {
          const { icon, text } = words(entry);
          return (
            <li key={entry.operationId}>
              <Icon name={icon} size={18} class={entry.wasSuccessful === false ? "missed" : ""} />
              <span class="what">
                {text}
                {entry.seconds !== null && <span class="soft">{` in ${count(entry.seconds, "second")}`}</span>}
              </span>
              {!entry.synced && <Badge icon="waiting"><span class="when-wide">Waiting to be sent</span></Badge>}
              <time class="small soft numbers" dateTime={new Date(entry.at).toISOString()}>{formatMoment(entry.at)}</time>
            </li>
          );
        })}
      </ol>
      {history.length > SHORT && !all && (
        <div class="outdent">
          <Button tone="quiet" onClick={() => setAll(true)}>{`Show all ${history.length.toLocaleString()}`}</Button>
        </div>
      )}
    </div>
  );
}

export function Upcoming({ upcoming, today }: { upcoming: CardDetail["upcoming"]; today: string }) {
  return (
    <ol class="upcoming">
      {upcoming.map((it) => (
        <li key={it.date}>
          <span class="numbers">{it.date <= today ? "Today" : capital(formatWhen(it.date, today))}</span>
          <span class="small soft">{PHASE_NAMES[it.phase]}</span>
          <time class="unseen" dateTime={it.date}>{formatDate(it.date)}</time>
        </li>
      ))}
    </ol>
  );
}
