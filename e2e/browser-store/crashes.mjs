// The page or the whole browser ends in the middle of commits. Every commit is there whole or not at all, and every one
// that was answered is there.
import { check } from './world.mjs';

const SIZE = 30;

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
  const page = await world.page(name);
  const groups = Object.values(await world.call(page, 'whole', SIZE));
  groups.forEach((group, index) => check(group === index, `commit ${index} is missing`));
  check(groups.length > answered, `commit ${answered} was answered, and ${groups.length} are there`);
  await page.close();
  return groups.length;
}

async function rounds(world, end) {
  const name = world.fresh();
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
