// The server's stream of pokes: it says that something changed, and the engine fetches. Only the tab that syncs listens.

import type { Engine } from "engine";

const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 5 * 60_000;
/** A stream that lasted so long was a good one: the next wait is short again. */
const GOOD_AFTER_MS = 60_000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Listens for ever. Without a session or a network it waits and tries again. */
export async function listenForPokes(engine: Engine): Promise<never> {
  let wait = FIRST_WAIT_MS;
  for (;;) {
    const started = Date.now();
    const token = navigator.onLine ? await engine.accessToken().catch(() => undefined) : undefined;
    if (token !== undefined) await listen(engine, token).catch(() => undefined);
    wait = Date.now() - started > GOOD_AFTER_MS ? FIRST_WAIT_MS : Math.min(wait * 2, LONGEST_WAIT_MS);
    // Many clients lose their streams at once when a server restarts.
    await sleep(wait * (0.5 + Math.random() / 2));
  }
}

async function listen(engine: Engine, token: string): Promise<void> {
  const response = await fetch("/functions/v1/verse-events", {
    headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
    cache: "no-store",
    credentials: "omit",
  });
  if (!response.ok || !response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    // Comments keep the stream open and say nothing.
    if (value.split("\n").some((line) => line.startsWith("data:"))) engine.hint(JSON.stringify({ hint: "poke" }));
  }
}
