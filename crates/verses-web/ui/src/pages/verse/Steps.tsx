// The way of a passage from daily to monthly, and how far it has come.

import type { Card } from "../../engine/api";
import { PHASES, PHASE_NAMES, count } from "../../format";
import { ProgressBar } from "../../ui/display";
import { Icon } from "../../ui/icons";

export function Steps({ card }: { card: Card }) {
  const at = PHASES.indexOf(card.phase);
  return (
    <div class="stack">
      <ol class="steps" aria-label="From daily to monthly">
        {PHASES.map((phase, n) => (
          <li key={phase} class={n < at ? "past" : n === at ? "now" : ""} aria-current={n === at ? "step" : undefined}>
            <span class="dot">{n < at && <Icon name="check" size={14} />}</span>
            <span>{PHASE_NAMES[phase]}</span>
          </li>
        ))}
      </ol>
      {card.needed === null ? (
        <p class="soft">It comes once a month, for good.</p>
      ) : (
        <>
          <ProgressBar
            label={`Reviews in ${PHASE_NAMES[card.phase].toLowerCase()}`}
            value={card.progress}
            of={card.needed}
          />
          <p class="soft numbers">
            {`${card.progress} of ${count(card.needed, "review")}. Then it moves on to ${PHASE_NAMES[PHASES[at + 1] ?? "monthly"].toLowerCase()}.`}
          </p>
        </>
      )}
    </div>
  );
}
