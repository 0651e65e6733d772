// How many passages were in which phase, week by week: stacked bars, told apart by pattern as well as by colour, with the
// same numbers as a table.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Phase, Statistics } from "../../engine/api";
import { PHASES, PHASE_NAMES, formatShortDay } from "../../format";

const HEIGHT = 220;
const BOTTOM = 22;
const TOP = 10;
const LEFT = 40;
const GAP = 0.28;
/** Below so many pixels a week, only every other date is written. */
const ROOMY = 62;

/** Fills are in styles/progress.css; the patterns lie over them. */
function Patterns() {
  return (
    <defs>
      <pattern id="weekly-lines" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect class="stroke-over" width="2" height="6" />
      </pattern>
      <pattern id="biweekly-dots" width="7" height="7" patternUnits="userSpaceOnUse">
        <circle class="stroke-over" cx="3.5" cy="3.5" r="1.6" />
      </pattern>
    </defs>
  );
}

const OVER: Partial<Record<Phase, string>> = { weekly: "url(#weekly-lines)", biweekly: "url(#biweekly-dots)" };

function Block(props: { phase: Phase; x: number; y: number; width: number; height: number }) {
  const { phase, ...box } = props;
  const over = OVER[phase];
  return (
    <>
      <rect class={`phase-${phase}`} {...box} />
      {over && <rect fill={over} {...box} />}
    </>
  );
}

/** A round number at or above the greatest, that can be halved. */
function ceiling(most: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 4, 6, 8, 10].map((it) => it * unit).find((it) => it >= Math.max(2, most)) ?? 10 * unit;
}

export function PhaseChart({ history, phases }: Pick<Statistics, "history" | "phases">) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);

  const totals = history.map((week) => PHASES.reduce((sum, phase) => sum + week.phases[phase], 0));
  const top = ceiling(Math.max(1, ...totals));
  const scale = (n: number) => (n / top) * (HEIGHT - TOP - BOTTOM);
  const step = Math.max(1, width - LEFT) / Math.max(1, history.length);
  const first = totals[0] ?? 0;
  const last = totals[totals.length - 1] ?? 0;

  return (
    <figure class="stack">
      <ul class="legend">
        {PHASES.map((phase) => (
          <li key={phase}>
            <svg width="18" height="18" aria-hidden="true">
              <Patterns />
              <Block phase={phase} x={1} y={1} width={16} height={16} />
            </svg>
            <span class="numbers">{PHASE_NAMES[phase]} <strong>{phases[phase].toLocaleString()}</strong></span>
          </li>
        ))}
      </ul>
      <div class="phase-chart" ref={box}>
        {width > 0 && (
          <svg
            width={width}
            height={HEIGHT}
            role="img"
            aria-label={`Passages by phase in the last twelve weeks: from ${first} to ${last} in all. The table below has the numbers.`}
          >
            <Patterns />
            {[0, top / 2, top].map((value) => {
              const y = HEIGHT - BOTTOM - scale(value);
              return (
                <g key={value}>
                  <line x1={LEFT} x2={width} y1={y} y2={y} />
                  <text x={LEFT - 8} y={y + 4} text-anchor="end">{value.toLocaleString()}</text>
                </g>
              );
            })}
            {history.map((week, n) => {
              let y = HEIGHT - BOTTOM;
              const x = LEFT + n * step + (step * GAP) / 2;
              const isDated = step >= ROOMY || (history.length - 1 - n) % Math.ceil(ROOMY / step) === 0;
              return (
                <g key={week.date}>
                  <title>{`${formatShortDay(week.date)}: ${PHASES.map((phase) => `${PHASE_NAMES[phase]} ${week.phases[phase]}`).join(", ")}`}</title>
                  {PHASES.map((phase) => {
                    const height = scale(week.phases[phase]);
                    y -= height;
                    return height > 0 && <Block key={phase} phase={phase} x={x} y={y} width={step * (1 - GAP)} height={height} />;
                  })}
                  {isDated && (
                    <text x={Math.min(x + (step * (1 - GAP)) / 2, width - 20)} y={HEIGHT - 6} text-anchor="middle">
                      {dayOf(week.date)}
                    </text>
                  )}
                </g>
              );
            })}
          </svg>
        )}
      </div>
      <details>
        <summary>By week</summary>
        <div class="scroll-table" tabIndex={0} role="group" aria-label="Passages by phase and week">
          <table class="numbers">
            <thead>
              <tr>
                <th scope="col">Week to</th>
                {PHASES.map((phase) => <th key={phase} scope="col">{PHASE_NAMES[phase]}</th>)}
              </tr>
            </thead>
            <tbody>
              {[...history].reverse().map((week) => (
                <tr key={week.date}>
                  <th scope="row">{dayOf(week.date)}</th>
                  {PHASES.map((phase) => <td key={phase}>{week.phases[phase].toLocaleString()}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const dayOf = (date: string): string => dayAndMonth.format(new Date(`${date}T00:00:00Z`));
