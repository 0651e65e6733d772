// A passage: its words, how well it is known, when it comes, and what happened to it.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Card as VerseCard } from "../engine/api";
import { capital, formatMoment, formatWhen } from "../format";
import { useQuery } from "../query";
import { goBack } from "../router";
import { overview } from "../state";
import { Button, ButtonLink } from "../ui/controls";
import { Badge, Banner, Card, EmptyState, Loaded, PageHead, Skeleton } from "../ui/display";
import { rowOf } from "./library/listing";
import { ArchiveDialog, PhaseDialog } from "./verse/dialogs";
import { History, Upcoming } from "./verse/History";
import { Steps } from "./verse/Steps";

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt class="small soft">{name}</dt>
      <dd class="numbers">{children}</dd>
    </div>
  );
}

function Words({ card }: { card: VerseCard }) {
  return (
    <Card class="stack">
      <div class="line">
        {card.translation && <Badge>{card.translation}</Badge>}
        {card.isOwnText && <Badge>My text</Badge>}
        {card.archived && <Badge icon="archive">Archived</Badge>}
        {card.isDue && <Badge tone="accent">Due today</Badge>}
      </div>
      {card.text ? (
        <p class="verse-text" dir="auto">{card.text}</p>
      ) : (
        <p class="soft">The words are not on this device yet. They come with the next connection.</p>
      )}
      {card.text && !card.isVerified && !card.isOwnText && (
        <p class="small soft">These words are your own, or the server has not confirmed them yet.</p>
      )}
    </Card>
  );
}

function Facts({ card, today }: { card: VerseCard; today: string }) {
  return (
    <dl class="facts-grid">
      <Fact name="Next">{card.archived ? "Not planned" : card.isDue ? "Today" : capital(formatWhen(card.nextDue, today))}</Fact>
      <Fact name="In a row">{card.streak.toLocaleString()}</Fact>
      <Fact name="Best">{card.bestStreak.toLocaleString()}</Fact>
      <Fact name="Last review">{card.lastReviewedAt === null ? "Never" : formatMoment(card.lastReviewedAt)}</Fact>
    </dl>
  );
}

function Waiting() {
  return (
    <div class="stack">
      <Skeleton height="12rem" />
      <Skeleton height="16rem" />
      <Skeleton height="12rem" />
    </div>
  );
}

export default function VersePage({ verseId }: { verseId: string }) {
  const detail = useQuery("card", { verseId });
  const [asking, setAsking] = useState<"" | "phase" | "archive">("");
  const today = overview.value?.today ?? "";
  const title = detail.data?.card.reference ?? rowOf(verseId)?.reference ?? (detail.data === null ? "Not found" : "Passage");
  const close = () => setAsking("");
  return (
    <>
      <PageHead
        title={title}
        back={<Button tone="quiet" icon="back" onClick={() => goBack("/library")}>Back</Button>}
      />
      <Loaded query={detail} title="This passage could not be read" skeleton={<Waiting />}>
        {(data) => {
          if (!data) {
            return (
              <EmptyState
                icon="search"
                title="This passage is not in your library"
                actions={<ButtonLink href="/library" tone="primary">Open the library</ButtonLink>}
              />
            );
          }
          const { card, history, upcoming } = data;
          return (
            <div class="stack">
              {detail.error && (
                <Banner tone="warn" icon="alert" actions={<Button tone="quiet" onClick={detail.reload}>Try again</Button>}>
                  {detail.error.message}
                </Banner>
              )}
              <Words card={card} />
              <Card class="stack">
                <h2>Progress</h2>
                <Steps card={card} />
                <Facts card={card} today={today} />
                <div class="line">
                  {!card.archived && <Button icon="calendar" onClick={() => setAsking("phase")}>Change how often</Button>}
                  <Button icon={card.archived ? "restore" : "archive"} onClick={() => setAsking("archive")}>
                    {card.archived ? "Restore" : "Archive"}
                  </Button>
                </div>
              </Card>
              {upcoming.length > 0 && (
                <Card class="stack">
                  <div>
                    <h2>Coming days</h2>
                    <p class="small soft">If each review goes well.</p>
                  </div>
                  <Upcoming upcoming={upcoming} today={today} />
                </Card>
              )}
              <Card class="stack">
                <h2>History</h2>
                <History history={history} />
              </Card>
              {asking === "phase" && <PhaseDialog card={card} open onClose={close} />}
              {asking === "archive" && <ArchiveDialog card={card} open onClose={close} />}
            </div>
          );
        }}
      </Loaded>
    </>
  );
}
