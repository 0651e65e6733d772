// Progress: totals, the calendar of reviews, passages by phase over time, and what comes in the next two weeks.

import type { Overview, Statistics } from "../engine/api";
import { count } from "../format";
import { useQuery } from "../query";
import { overview } from "../state";
import { ButtonLink } from "../ui/controls";
import { Card, EmptyState, Loaded, PageHead, Skeleton } from "../ui/display";
import { Forecast } from "./Forecast";
import { Calendar, calendarStart } from "./progress/Calendar";
import { PhaseChart } from "./progress/PhaseChart";

function Total({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div class="card total">
      <dt class="small soft">{name}</dt>
      <dd>
        <span class="value numbers">{value}</span>
        <span class="small soft numbers">{note}</span>
      </dd>
    </div>
  );
}

function Totals({ data, seen }: { data: Statistics; seen: Overview }) {
  const active = Object.values(data.phases).reduce((all, cards) => all + cards, 0);
  const rate = data.reviews > 0 ? `${Math.round((data.successful / data.reviews) * 100).toLocaleString()} %` : "–";
  return (
    <dl class="totals">
      <Total name="Passages" value={active.toLocaleString()} note={`${data.archived.toLocaleString()} archived`} />
      <Total name="Days in a row" value={seen.dayStreak.toLocaleString()} note={`best ${data.bestDayStreak.toLocaleString()}`} />
      <Total name="Reviews" value={data.reviews.toLocaleString()} note={`${seen.reviewedToday.toLocaleString()} today`} />
      <Total name="Got it" value={rate} note={`${data.successful.toLocaleString()} of ${data.reviews.toLocaleString()}`} />
    </dl>
  );
}

function Waiting() {
  return (
    <div class="stack">
      <div class="totals">
        {[0, 1, 2, 3].map((n) => <Skeleton key={n} height="7.25rem" />)}
      </div>
      <Skeleton height="18rem" />
      <Skeleton height="24rem" />
    </div>
  );
}

export default function ProgressPage() {
  const seen = overview.value;
  const statistics = useQuery("statistics", { from: calendarStart(seen?.today ?? "2000-01-01") });
  if (!seen) return null;
  const isEmpty = seen.cards === 0;
  return (
    <>
      <PageHead title="Progress" />
      {isEmpty ? (
        <EmptyState
          icon="progress"
          title="Nothing to show yet"
          actions={<ButtonLink href="/add" tone="primary" icon="add">Add a passage</ButtonLink>}
        >
          <p>Add a passage and review it. Your days and your progress appear here.</p>
        </EmptyState>
      ) : (
        <Loaded query={statistics} title="Your progress could not be read" skeleton={<Waiting />}>
          {(data) => (
            <div class="stack">
              <Totals data={data} seen={seen} />
              <Card class="stack">
                <h2>Reviews in the last year</h2>
                <Calendar days={data.calendar} today={seen.today} />
              </Card>
              <div class="two">
                <Card class="stack">
                  <h2>Passages by phase</h2>
                  <PhaseChart history={data.history} phases={data.phases} />
                </Card>
                <Card class="stack">
                  <div>
                    <h2>The next two weeks</h2>
                    <p class="small soft numbers">{count(data.forecast.reduce((sum, day) => sum + day.due, 0), "passage")} in all</p>
                  </div>
                  <Forecast days={data.forecast} today={seen.today} />
                </Card>
              </div>
            </div>
          )}
        </Loaded>
      )}
    </>
  );
}
