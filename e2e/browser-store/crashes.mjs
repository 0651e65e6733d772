// The page or the whole browser ends in the middle of commits. Every commit is there whole or not at all, and every one
// that was answered is there.
import { check } from './world.mjs';

const SIZE = 30;
/** A database that is not the store's, in the same place of the profile. */
const WITNESS = 'witness';
/** How often the browser may forget the whole site before it is a failure. */
const MAX_FORGOTTEN = 5;

/** The browser has thrown away everything it kept for the site, which no store can prevent. */
class Forgotten extends Error {}

/** That, or that it cannot open what it kept, which comes before it. */
const isBrowsersOwn = (error) => error instanceof Forgotten || error.message.includes('opening backing store');

/** Makes the witness, durably. */
const makeWitness = (name) => new Promise((resolve, reject) => {
  const request = indexedDB.open(name);
  request.onupgradeneeded = () => request.result.createObjectStore('rows').put(1, 1);
  request.onsuccess = () => resolve(request.result.close());
  request.onerror = () => reject(request.error);
});

/** Commits one group after the other, and says each number in the console once it is answered. */
const commitOn = ([first, size]) => {
  const store = globalThis.store;
  (async () => {
    for (let group = first; ; group += 1) {
      await store.add(group * size, size);
      console.log(`answered ${group}`);
    }
  })();
};

/** Commits until `end` is called, some time in the middle; the last number answered. */
async function commitUntil(page, first, ms, end) {
  let last = first - 1;
  page.on('console', (message) => {
    const [, group] = /^answered (\d+)$/.exec(message.text()) ?? [];
    if (group) last = Number(group);
  });
  await page.evaluate(commitOn, [first, SIZE]);
  for (const started = Date.now(); last < first && Date.now() - started < 20_000;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await new Promise((resolve) => setTimeout(resolve, ms));
  await end();
  return last;
}

async function expectWhole(world, name, answered) {
  const page = await world.page();
  // Chromium, killed, at times starts again with an empty folder for the site. Then nothing can be said of the store.
  if (!await page.evaluate(async (witness) => (await indexedDB.databases()).some(({ name }) => name === witness), WITNESS)) {
    throw new Forgotten('the browser has forgotten the whole site');
  }
  await world.open(page, name);
  const groups = Object.values(await world.call(page, 'whole', SIZE));
  groups.forEach((group, index) => check(group === index, `commit ${index} is missing`));
  check(groups.length > answered, `commit ${answered} was answered, and ${groups.length} are there`);
  await page.close();
  return groups.length;
}

async function rounds(world, end) {
  for (let forgotten = 0; ; forgotten += 1) {
    try {
      const said = await roundsOf(world, world.fresh(), end);
      return forgotten ? `${said}; forgotten as a whole ${forgotten} times` : said;
    } catch (error) {
      if (!isBrowsersOwn(error) || forgotten === MAX_FORGOTTEN) throw error;
      await world.killAndRestart();
    }
  }
}

async function roundsOf(world, name, end) {
  const first = await world.page();
  await first.evaluate(makeWitness, WITNESS);
  await first.close();
  let next = 0;
  for (const ms of [0, 7, 19, 33, 60]) {
    const page = await world.page(name);
    const answered = await commitUntil(page, next, ms, () => end(world, page));
    next = await expectWhole(world, name, answered);
  }
  return `${next} commits of ${SIZE} verses, 5 ends`;
}

export const CRASHES = {
  'a page closed in the middle of commits leaves whole ones': (world) => rounds(world, (_, page) => page.close()),
  'a browser killed in the middle of commits leaves whole ones, and all that were answered': (world) => (
    rounds(world, () => world.killAndRestart())
  ),
};
