// What the browser keeps of the app: a new version while work waits, whole texts for use offline, and never an answer.
import { createHash } from 'node:crypto';
import { add, ask, controlled, goTo, libraryHas, pill, pillSays, ready, review, RUTH, signUp, synced } from './app.mjs';
import { created } from './server.mjs';
import { until } from './wait.mjs';

/** The server has another build from now on: another main script, and the files that name it. */
async function newBuild(world) {
  const fetched = async (path) => (await fetch(world.server.url + path)).text();
  const [page, worker] = await Promise.all([fetched('/'), fetched('/sw.js')]);
  const [, main] = /src="(\/app\/main\.[^"]+)"/.exec(page);
  const hash = createHash('sha256').update(page + worker).digest('hex').slice(0, 8);
  const next = `/app/main.${hash}.js`;
  const [, build] = /\$\{\w+\}([0-9a-f]{8})`/.exec(worker) ?? [];
  const renamed = (text) => text.replaceAll(main, next).replaceAll(build ?? main, hash);
  const { rewritten } = world.proxy;
  rewritten.set(next, { from: main, text: (text) => `${text}\nglobalThis.isNewBuild = true;` });
  rewritten.set('/', { from: '/', text: renamed });
  rewritten.set('/today', { from: '/', text: renamed });
  rewritten.set('/sw.js', { from: '/sw.js', text: renamed });
  return build !== undefined;
}

const runsNewBuild = (page) => page.evaluate(() => globalThis.isNewBuild === true);

async function update(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await synced(page);
  world.excuse(/Failed to load resource/);
  world.proxy.fail(503);
  await add(page, ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  await review(page, 1);
  await pillSays(page, /4 waiting/);
  world.check('there is a new build to be served', await newBuild(world));

  const other = await world.open();
  await ready(other);
  world.check('an open that comes before the new one is agreed to has the old version', !(await runsNewBuild(other)));
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
  const banner = page.locator('.banner', { hasText: 'A new version is ready' });
  await banner.waitFor();
  await world.pictures('new-version');
  await add(page, 'Genesis 1:1');
  world.check('the old page works until then', !(await runsNewBuild(page)));
  await banner.getByRole('button', { name: 'Reload' }).click();
  await until('the new version runs', () => runsNewBuild(page));
  await ready(page);
  await libraryHas(page, 4);
  world.check('with all that waited', /5 waiting/.test(await pill(page)), await pill(page));
  const caches = await until('the old files are gone', () => page.evaluate(async () => {
    const names = (await globalThis.caches.keys()).filter((name) => name.startsWith('verses-app-'));
    return names.length === 1 && names;
  }));
  world.check(`only the new version is kept: ${caches}`, true);

  await goTo(other, 'Library');
  world.check('a tab that was open with the old version goes on', await other.getByText('Genesis 1:1').count() > 0);
  await other.locator('.banner', { hasText: 'A new version is ready' }).getByRole('button', { name: 'Reload' }).click();
  await until('the other tab gets the new version too', () => runsNewBuild(other));
  await other.close();
  world.proxy.pass();
  await synced(page, 40_000);
  world.same('and then all is sent', created(await world.server.history(RUTH)), ['Genesis 1:1', 'John 3:16', 'Psalm 23:1', 'Romans 8:28']);
}

/** The server takes this version no more: reloading alone would bring back the one that is kept. */
async function needed(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await synced(page);
  await newBuild(world);
  world.excuse(/Failed to load resource/);
  world.proxy.fail(426);
  await add(page, 'John 3:16');
  await goTo(page, 'Sync');
  const reload = page.locator('.batch-sync').getByRole('button', { name: 'Reload' });
  await reload.waitFor();
  // It takes the new one.
  world.proxy.pass();
  await reload.click();
  await until('the new version runs', () => runsNewBuild(page));
  await ready(page);
  await libraryHas(page, 1);
  await synced(page, 40_000);
  world.same('what waited for it is sent', created(await world.server.history(RUTH)), ['John 3:16']);
}

/** Paths of everything in Cache Storage. */
const keptPaths = (page) => page.evaluate(async () => {
  const all = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) all.push(new URL(request.url).pathname);
  }
  return all;
});

const MAY_BE_KEPT = /^\/(app\/[\w.-]+|manifest\.webmanifest|texts\/1\/[\w/.-]+)?$/;

async function texts(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await goTo(page, 'Settings');
  // The bar may be there for a moment only.
  const bars = page.evaluate(() => new Promise((resolve) => {
    const seen = new Set();
    const look = () => {
      const bar = document.querySelector('[role=progressbar][aria-label^="King James"]');
      if (bar) seen.add(Number(bar.getAttribute('aria-valuenow')));
      if (document.querySelector('.text .badge')) resolve([...seen]);
      else requestAnimationFrame(look);
    };
    look();
  }));
  await page.getByRole('button', { name: 'Fetch KJV' }).click();
  const seen = await bars;
  world.check('a bar shows how far the text is', seen.length > 2 && seen.some((n) => n > 0 && n < 66), seen);
  await world.pictures('texts');

  await world.goOffline();
  await goTo(page, 'Add');
  await page.getByLabel('Passages to add').fill('Habakkuk 3:17');
  await page.getByText(/fig tree shall not blossom/).waitFor();
  world.check('the words are found without a network', true);
  await add(page, 'Habakkuk 3:17');
  await page.getByRole('link', { name: 'Open it' }).click();
  await page.locator('.verse-text', { hasText: 'fig tree' }).waitFor();

  // The other translation is not here.
  await goTo(page, 'Add');
  await page.getByLabel('Translation', { exact: true }).selectOption({ index: 1 });
  const said = await add(page, ['Nahum 1:7', 'Obadiah 1:15']);
  world.check('passages can be added without their words', said.includes('2 passages added'), said);
  const wordless = (await ask(page, 'library', { filter: { search: '', phase: 'all', show: 'active', sort: 'added' }, offset: 0, limit: 10 })).rows
    .filter((row) => row.excerpt === '').map((row) => row.reference).sort();
  world.same('and are there without them', wordless, ['Nahum 1:7', 'Obadiah 15']);
  await world.goOnline();
  await synced(page);
  await goTo(page, 'Library');
  await page.getByText('Nahum 1:7').click();
  await page.locator('.verse-text', { hasText: 'good' }).waitFor();
  world.check('the words come with the sync', true);

  const paths = await keptPaths(page);
  world.check('the app and the texts are kept', paths.includes('/') && paths.filter((path) => path.startsWith('/texts/1/kjv/')).length === 66);
  world.same('and nothing that the server\'s interface answered', paths.filter((path) => !MAY_BE_KEPT.test(path)), []);
}

export const UPDATES = {
  'a new version with a full queue': { work: update, limit: 90_000 },
  'a new version is needed': { work: needed, limit: 90_000 },
  'texts for use offline': { work: texts },
};
