// Much of everything: 10,000 cards with 100,000 reviews, and a thousand references added at once.
import { add, ask, controlled, goTo, libraryHas, ready, review, RUTH, signUp, synced } from './app.mjs';
import { ms, navigationTime, quantile, scrolling, sum, watchLoading } from './probes.mjs';
import { until } from './wait.mjs';

const CARDS = 10_000;
const REVIEWS_EACH = 10;
const DUE = 100;
const SCROLLED_ROWS = 5_000;
const ENQUEUED = 5;
const LONG_TASK_MS = 50;
/** Verses in the chapters of Genesis, for references that exist. */
const GENESIS = [
  31, 25, 24, 26, 32, 22, 24, 22, 29, 32, 32, 20, 18, 24, 21, 16, 27, 33, 38, 18, 34, 24, 20, 67, 34, 35, 46, 22, 35, 43, 55, 32, 20, 31,
  29, 43, 36, 30, 23, 23, 57, 38, 34, 34, 28, 34, 31, 22, 33, 26,
];

/**
 * Runs in a page without the app: makes many cards of the one that is there, with its rows as the pattern, so that the layout is
 * always the store's own. All but the first `due` come later.
 */
function multiply([cards, reviewsEach, due]) {
  const DAY = 86_400_000;
  const day = (at) => new Date(at).toISOString().slice(0, 10);
  const number = (at) => Number(day(at).replaceAll('-', ''));
  const promised = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const done = (transaction) => new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  const changed = (row, properties, body) => ({ ...row, ...properties, body: JSON.stringify({ ...JSON.parse(row.body), ...body }) });
  return (async () => {
    const database = await promised(indexedDB.open('verses'));
    const reading = database.transaction(['verses', 'verse_cards', 'card_events']);
    const [[verse], [card], events] = await Promise.all(['verses', 'verse_cards', 'card_events']
      .map((name) => promised(reading.objectStore(name).getAll())));
    const reviewed = events.find((row) => row.review !== undefined);
    const now = Date.now();
    for (let from = 0; from < cards; from += 500) {
      const transaction = database.transaction(['verses', 'verse_cards', 'card_events'], 'readwrite', { durability: 'relaxed' });
      for (let n = from; n < from + 500; n += 1) {
        const id = crypto.randomUUID();
        const at = n < due ? now : now + DAY * (1 + (n % 300));
        const created = now - DAY * 400 + n;
        transaction.objectStore('verses').put(changed(verse, { id, created, ...(verse.unverified === undefined ? {} : { unverified: created }) },
          { id, reference: `Psalm 119:${n + 1}`, createdAt: created }));
        transaction.objectStore('verse_cards').put(changed(card, { id, due: number(at) }, { verseId: id, nextDueDate: day(at) }));
        for (let turn = 0; turn < reviewsEach; turn += 1) {
          const when = now - DAY * (1 + turn * 30 + (n % 30));
          const operation = crypto.randomUUID();
          const body = { operationId: operation, verseId: id, occurredAt: when, localDate: day(when) };
          transaction.objectStore('card_events').put(changed(reviewed, { id: operation, verse: id, at: when, seq: 10 + n * reviewsEach + turn, review: -when, day: number(when) }, body));
        }
      }
      await done(transaction);
    }
    database.close();
  })();
}

async function manyCards(world) {
  const { figures } = world;
  await world.openBrowser();
  await world.browser.context.addInitScript(watchLoading);
  let page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await add(page, 'John 3:16');
  const few = (await until('Today shows the only one', async () => {
    await page.goto(`${world.url}/today`);
    return until('the passage', () => page.evaluate(() => globalThis.loading.due && globalThis.loading), 5_000);
  })).due;
  await review(page, 1);
  await synced(page);
  const bare = await world.browser.context.newPage();
  await bare.goto(`${world.url}/manifest.webmanifest`);
  await page.close();
  const filling = Date.now();
  await bare.evaluate(multiply, [CARDS, REVIEWS_EACH, DUE]);
  figures['10,000 cards: rows written in'] = ms(Date.now() - filling);

  page = await world.open();
  const { due } = await until('Today shows what is due', () => page.evaluate(() => globalThis.loading.due && globalThis.loading), 30_000);
  figures['10,000 cards: Today shows, from the start of the navigation'] = ms(due);
  world.check('ten thousand cards do not make it ten times slower', due < 10 * few, { due, few });
  await page.getByText(`${DUE} to go`).waitFor();
  await page.reload();
  await ready(page);
  figures['10,000 cards: Today shows, once more'] = ms((await until('Today shows again', () => page.evaluate(() => globalThis.loading.due && globalThis.loading))).due);
  await libraryHas(page, CARDS + 1);
  figures['10,000 cards: Today shows, from within the app'] = ms(await navigationTime(page, 'Today', 'article.passage h2'));
  figures['10,000 cards: Progress shows, from within the app'] = ms(await navigationTime(page, 'Progress', 'main .calendar'));
  figures['10,000 cards: the library shows, from within the app'] = ms(await navigationTime(page, 'Library', 'main a[href^="/library/"]'));

  const height = await page.locator('main a[href^="/library/"]').first().evaluate((row) => row.parentElement.getBoundingClientRect().height || row.getBoundingClientRect().height);
  const { gaps, longTasks } = await scrolling(page, SCROLLED_ROWS * height, 20 * height);
  figures['scrolling 5,000 rows: median gap between frames'] = ms(quantile(gaps, 0.5));
  figures['scrolling 5,000 rows: 95th percentile'] = ms(quantile(gaps, 0.95));
  figures['scrolling 5,000 rows: longest gap'] = ms(Math.max(...gaps));
  figures['scrolling 5,000 rows: long tasks'] = `${longTasks.length}, ${ms(sum(longTasks))} in all`;
  await until('the rows are there where it stops', () => page.evaluate(() => {
    const rows = [...document.querySelectorAll('main a[href^="/library/"]')].map((row) => row.getBoundingClientRect());
    return rows.some((box) => box.top >= 0 && box.bottom <= innerHeight);
  }), 5_000);
  world.check('more than half of the frames come at once', quantile(gaps, 0.5) < 50, quantile(gaps, 0.5));
  await world.pictures('many-cards');

  await ask(page, 'syncState');
  for (const [call, args] of [['overview', {}], ['due', {}], ['statistics', { from: '2020-01-01' }]]) {
    const started = Date.now();
    await ask(page, call, args);
    figures[`10,000 cards: the engine answers ${call} in`] = ms(Date.now() - started);
  }
  const cards = await ask(page, 'due');
  const times = await page.evaluate(async (ids) => {
    const found = [];
    for (const verseId of ids) {
      const started = performance.now();
      globalThis.asked += 1;
      const id = globalThis.asked;
      const answered = new Promise((resolve) => globalThis.beside.addEventListener('message', function listen({ data }) {
        if (data.id !== id) return;
        globalThis.beside.removeEventListener('message', listen);
        resolve(data);
      }));
      globalThis.beside.postMessage({ id, call: 'review', args: { verseId, wasSuccessful: true, seconds: 5 } });
      const answer = await answered;
      if (answer.error) throw new Error(JSON.stringify(answer.error));
      found.push(performance.now() - started);
    }
    return found;
  }, cards.slice(0, ENQUEUED).map((card) => card.verseId));
  figures['10,000 cards: a review is saved in (median)'] = ms(quantile(times, 0.5));
  figures['10,000 cards: a review is saved in (longest)'] = ms(Math.max(...times));
  await goTo(page, 'Today');
  await page.getByText(`${DUE - ENQUEUED} to go`).waitFor({ timeout: 60_000 });
  world.check('and each review counts', true);
}

/** Runs in the page: when the next press came, and when the result said these words. Looking from outside would only be told every
 * half second, and would be work for the page. */
function timeOfAdding(words) {
  return new Promise((resolve) => {
    let pressed;
    addEventListener('click', (event) => { pressed ??= event.timeStamp; }, { capture: true, once: true });
    new MutationObserver((_, observer) => {
      if (!document.querySelector('main .result .banner')?.textContent.includes(words)) return;
      observer.disconnect();
      resolve({ pressed, added: performance.now() });
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
  });
}

async function thousand(world) {
  const { figures } = world;
  await world.openBrowser();
  await world.browser.context.addInitScript(watchLoading);
  const page = await world.open();
  await ready(page);
  await controlled(page);
  const references = GENESIS.flatMap((verses, chapter) => Array.from({ length: verses }, (_, n) => `Genesis ${chapter + 1}:${n + 1}`)).slice(0, 1_000);
  // Typing so much, as `fill` does, would take the browser longer than the app.
  const bare = await world.browser.context.newPage();
  await bare.evaluate((text) => {
    const area = document.body.appendChild(document.createElement('textarea'));
    area.value = text;
    area.select();
    document.execCommand('copy');
  }, references.join('\n'));
  await bare.close();
  await goTo(page, 'Add');
  await page.getByLabel('Passages to add').focus();
  const begin = await page.evaluate(() => performance.now());
  await page.keyboard.press('Control+V');
  const button = page.getByRole('button', { name: 'Add 1,000 passages' });
  await button.waitFor();
  const understood = await page.evaluate(() => performance.now());
  figures['1,000 references: understood after'] = ms(understood - begin);
  const seen = page.evaluate(timeOfAdding, '1,000 passages added');
  await button.click();
  const { pressed, added } = await seen;
  figures['1,000 references: added in'] = ms(added - pressed);
  const tasks = (await page.evaluate(() => globalThis.loading.longTasks)).filter((task) => task.at >= begin && task.ms > LONG_TASK_MS);
  figures['1,000 references: long tasks of the page'] = `${tasks.length}, longest ${ms(Math.max(0, ...tasks.map((task) => task.ms)))}`;
  world.check('the page stays free while a thousand are added: less than a quarter of the time is long tasks',
    sum(tasks.map((task) => task.ms)) * 4 < added - begin, tasks);
  await libraryHas(page, 1_000);
}

export const LARGE = {
  'ten thousand cards': { work: manyCards, limit: 150_000 },
  'a thousand references': { work: thousand, limit: 120_000 },
};
