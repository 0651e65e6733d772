// The reviews of a year as a calendar: a square for each day, larger and darker the more reviews it had. For those who do
// not see it, or want numbers, a table by month.

import { useEffect, useRef } from "preact/hooks";
import type { CalendarDay } from "../../engine/api";
import { addDays, count, formatLongDay, formatMonth, parseDate } from "../../format";

const WEEKS = 53;
const CELL = 13;
const STEP = 16;
const LEFT = 30;
const TOP = 20;

/** 0 (Sunday) to 6: the day a week begins with here. */
function firstDayOfWeek(): number {
  const locale = new Intl.Locale(navigator.language) as Intl.Locale & { getWeekInfo?: () => { firstDay: number } };
  return (locale.getWeekInfo?.().firstDay ?? 1) % 7;
}

/** The first day that the calendar of this day shows. */
export function calendarStart(today: string): string {
  const into = (parseDate(today).getUTCDay() - firstDayOfWeek() + 7) % 7;
  return addDays(today, -into - (WEEKS - 1) * 7);
}

/** Four degrees by share of the busiest day, so that a beginner's calendar has contrast too. */
function degree(reviews: number, most: number): number {
  return reviews === 0 ? 0 : Math.max(1, Math.ceil((reviews / most) * 4));
}

const SIZES = [3, 6, 8, 10.5, CELL];

function Square({ x, y, level }: { x: number; y: number; level: number }) {
  const size = SIZES[level] ?? CELL;
  const inset = (CELL - size) / 2;
  return <rect class={`level-${level}`} x={x + inset} y={y + inset} width={size} height={size} rx={level === 0 ? 1.5 : 2.5} />;
}

const weekdayName = new Intl.DateTimeFormat(undefined, { weekday: "short", timeZone: "UTC" });

export function Calendar({ days, today }: { days: CalendarDay[]; today: string }) {
  const scroller = useRef<HTMLDivElement>(null);
  const start = calendarStart(today);
  const byDate = new Map(days.map((day) => [day.date, day]));
  const most = Math.max(1, ...days.map((day) => day.reviews));
  const inTime = days.filter((day) => day.date >= start);
  const reviews = inTime.reduce((sum, day) => sum + day.reviews, 0);

  // The latest weeks are what one looks for.
  useEffect(() => {
    const box = scroller.current;
    if (box) box.scrollLeft = getComputedStyle(box).direction === "rtl" ? -box.scrollWidth : box.scrollWidth;
  }, []);

  const dates = Array.from({ length: WEEKS * 7 }, (_, n) => addDays(start, n)).filter((date) => date <= today);
  // The name of a month stands where its first whole week begins.
  const months = dates.filter((date, n) => n % 7 === 0 && Number(date.slice(8)) <= 7);
  const summary = `${count(reviews, "review")} on ${count(inTime.length, "day")} in the last year.`;
  return (
    <figure class="stack tight">
      <div class="calendar" ref={scroller} tabIndex={0} role="group" aria-label="Calendar of reviews">
        <svg width={LEFT + WEEKS * STEP} height={TOP + 7 * STEP} role="img" aria-label={`${summary} The table below has them by month.`}>
          {months.map((date) => (
            <text key={date} x={LEFT + (dates.indexOf(date) / 7) * STEP} y={12}>{formatMonth(date)}</text>
          ))}
          {[0, 2, 4].map((row) => (
            <text key={row} x={0} y={TOP + row * STEP + 11}>{weekdayName.format(parseDate(addDays(start, row)))}</text>
          ))}
          {dates.map((date, n) => {
            const day = byDate.get(date);
            return (
              <g key={date}>
                <title>{`${formatLongDay(date)}: ${count(day?.reviews ?? 0, "review")}`}</title>
                <Square x={LEFT + Math.floor(n / 7) * STEP} y={TOP + (n % 7) * STEP} level={degree(day?.reviews ?? 0, most)} />
              </g>
            );
          })}
        </svg>
      </div>
      <figcaption class="line between small soft numbers">
        <span>{summary}</span>
        <span class="legend-scale">
          Fewer
          <svg width={5 * STEP} height={CELL} aria-hidden="true">
            {SIZES.map((_, level) => <Square key={level} x={level * STEP} y={0} level={level} />)}
          </svg>
          More
        </span>
      </figcaption>
      <MonthTable days={inTime} />
    </figure>
  );
}

function MonthTable({ days }: { days: CalendarDay[] }) {
  const months = new Map<string, { days: number; reviews: number; successful: number }>();
  for (const day of days) {
    const key = day.date.slice(0, 7);
    const sum = months.get(key) ?? { days: 0, reviews: 0, successful: 0 };
    months.set(key, { days: sum.days + 1, reviews: sum.reviews + day.reviews, successful: sum.successful + day.successful });
  }
  if (months.size === 0) return null;
  return (
    <details>
      <summary>By month</summary>
      <table class="numbers">
        <thead>
          <tr><th scope="col">Month</th><th scope="col">Days</th><th scope="col">Reviews</th><th scope="col">Got it</th></tr>
        </thead>
        <tbody>
          {[...months].reverse().map(([month, sum]) => (
            <tr key={month}>
              <th scope="row">{`${formatMonth(`${month}-01`)} ${month.slice(0, 4)}`}</th>
              <td>{sum.days.toLocaleString()}</td>
              <td>{sum.reviews.toLocaleString()}</td>
              <td>{sum.successful.toLocaleString()}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
