// Waiting for what is to come, and giving up in good time.

const EVERY_MS = 40;
const PATIENCE_MS = 20_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Gives what `look` gives once that is something; fails with what it gave last. `look` may throw meanwhile. */
export async function until(what, look, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      last = await look();
      if (last) return last;
    } catch (error) {
      last = error.message.split('\n')[0];
    }
    if (Date.now() > end) throw new Error(`waited ${patience / 1000} s until ${what}; the last seen: ${JSON.stringify(last)}`);
    await sleep(EVERY_MS);
  }
}

/** The work, or a failure after so many milliseconds. */
export async function within(ms, work) {
  let late;
  const limit = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work(), limit]);
  } finally {
    clearTimeout(late);
  }
}
