// How many passages come on each of the next days: bars with their numbers, a list for screen readers.

import type { Statistics } from "../engine/api";
import { count, formatLongDay, formatWhen, parseDate } from "../format";

const letter = new Intl.DateTimeFormat(undefined, { weekday: "narrow", timeZone: "UTC" });

/** The rest is for the number above the bar. */
const TALLEST_PERCENT = 82;

/** Four digits are wider than a bar. */
const SHORT = new Intl.NumberFormat(undefined, { notation: "compact" });

export function Forecast({ days, today }: { days: Statistics["forecast"]; today: string }) {
  const most = Math.max(1, ...days.map((day) => day.due));
  return (
    <ol class="forecast" aria-label="Passages due">
      {days.map((day) => (
        <li key={day.date} class={day.date === today ? "is-today" : ""} title={`${formatWhen(day.date, today)}: ${day.due}`}>
          <span class="unseen">{`${formatLongDay(day.date)}: ${count(day.due, "passage")}`}</span>
          <span class="column numbers" aria-hidden="true">
            {day.due > 0 ? SHORT.format(day.due) : ""}
            <span class="bar" style={{ blockSize: `${(day.due / most) * TALLEST_PERCENT}%` }} />
          </span>
          <span class="day" aria-hidden="true">
            {letter.format(parseDate(day.date))}
            <br />
            {Number(day.date.slice(8))}
          </span>
        </li>
      ))}
    </ol>
  );
}
