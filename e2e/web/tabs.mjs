// Several tabs, tabs that die, and no tab at all: who syncs, and that nothing is sent twice or lost.
import { add, controlled, goTo, libraryHas, pillSays, ready, review, RUTH, signUp, synced } from './app.mjs';
import { created, reviews } from './server.mjs';
import { until } from './wait.mjs';

const LEADS = 'This tab does the syncing.';
const FOLLOWS = 'Another tab of Verses does the syncing';

const saysOfSyncing = async (page, words) => {
  await goTo(page, 'Sync');
  await page.locator('main').getByText(words).waitFor();
};

/** Holds back answers to batches until `release` is called. */
function holdBatches(world) {
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  const held = [];
  world.proxy.hold = (record) => {
    if (record.body?.operation !== 'batch') return undefined;
    held.push(record);
    return released;
  };
  return { held, release };
}

async function twoTabs(world) {
  const first = await world.open();
  await ready(first);
  await controlled(first);
  await signUp(first, RUTH);
  await saysOfSyncing(first, LEADS);
  const second = await world.open();
  await ready(second);
  await saysOfSyncing(second, FOLLOWS);
  world.check('one of two tabs leads', true);

  await libraryHas(first, 0);
  await add(second, ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  await first.locator('main').getByText('3 passages', { exact: true }).waitFor();
  world.check('what one tab adds appears in the other', await first.getByText('Psalm 23:1').count() > 0);
  await Promise.all([synced(first), synced(second)]);

  const { held, release } = holdBatches(world);
  await add(first, ['Genesis 1:1', 'Isaiah 40:31']);
  await add(second, ['Joshua 1:9', 'James 1:5']);
  await Promise.all([pillSays(first, /^Sending/), pillSays(second, /^Sending/)]);
  world.check('both tabs show that it is sending', held.length === 1, held.length);
  release();
  world.proxy.pass();
  await Promise.all([synced(first), synced(second)]);

  await first.close();
  await saysOfSyncing(second, LEADS);
  world.check('when the leader is closed the other takes over', true);
  await add(second, ['Hebrews 11:1', 'Matthew 6:33']);
  await synced(second);
  world.same('and syncs', created(await world.server.history(RUTH)),
    ['Genesis 1:1', 'Hebrews 11:1', 'Isaiah 40:31', 'James 1:5', 'John 3:16', 'Joshua 1:9', 'Matthew 6:33', 'Psalm 23:1', 'Romans 8:28']);
}

/** Adds while the answers are held back, and waits until the server has worked on a batch that nobody hears of. */
async function sendUnheard(world, page, references) {
  const { held, release } = holdBatches(world);
  await add(page, references);
  await until('the server has answered a batch', () => held.some((it) => it.status === 200));
  return release;
}

async function killed(world) {
  let page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await synced(page);
  world.excuse(/./);

  let release = await sendUnheard(world, page, ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  const protocol = await world.browser.context.newCDPSession(page);
  const crashed = page.waitForEvent('crash');
  protocol.send('Page.crash').catch(() => {});
  await crashed;
  await page.close();
  release();
  world.proxy.pass();
  page = await world.open();
  await ready(page);
  await synced(page, 40_000);
  world.same('after a crash in the middle of a batch the server has each passage once', created(await world.server.history(RUTH)),
    ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);

  await review(page, 1);
  release = await sendUnheard(world, page, ['Genesis 1:1', 'Isaiah 40:31', 'Joshua 1:9']);
  await world.browser.kill();
  release();
  world.proxy.pass();
  await world.openBrowser(world.browser.profile);
  page = await world.open();
  await ready(page);
  await libraryHas(page, 6);
  await synced(page, 40_000);
  const history = await world.server.history(RUTH);
  world.same('and after the whole browser was killed', created(history),
    ['Genesis 1:1', 'Isaiah 40:31', 'John 3:16', 'Joshua 1:9', 'Psalm 23:1', 'Romans 8:28']);
  world.same('with the review once', reviews(history).length, 1);
}

/** The debugging protocol's way to fire a sync event, from a tab that is not the app's. */
async function syncEvents(world) {
  const blank = await world.browser.context.newPage();
  const protocol = await world.browser.context.newCDPSession(blank);
  const known = [];
  protocol.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => known.push(...registrations));
  await protocol.send('ServiceWorker.enable');
  const { registrationId } = await until('the registration is known', () => known.find((it) => it.scopeURL === `${world.url}/` && !it.isDeleted));
  return () => protocol.send('ServiceWorker.dispatchSyncEvent', { origin: world.url, registrationId, tag: 'verses-sync', lastChance: false });
}

async function inTheBackground(world) {
  let page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await synced(page);
  const fire = await syncEvents(world);
  await world.serverGone();
  await add(page, ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  await pillSays(page, /3 waiting/);
  await page.close();
  await world.serverBack();
  const before = world.proxy.writes().length;
  await fire();
  await until('the service worker sends', () => world.proxy.writes().slice(before).some((it) => it.status === 200));
  world.same('with no tab open the service worker sends what waits', created(await world.server.history(RUTH)), ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  page = await world.open();
  await ready(page);
  await synced(page);

  await world.serverGone();
  await add(page, ['Matthew 6:33', 'Hebrews 11:1', 'James 1:5']);
  await pillSays(page, /3 waiting/);
  await until('the tab has tried and waits', async () => {
    await goTo(page, 'Sync');
    return /offline|try again/.test(await page.locator('.batch-sync h2').innerText());
  });
  await world.serverBack();
  await fire();
  await synced(page, 15_000);
  await page.locator('main').getByText('Batch of 3 changes').first().waitFor();
  world.same('with a tab open, the tab does it', created(await world.server.history(RUTH)).length, 6);
}

export const TABS = {
  'two tabs': { work: twoTabs },
  'killed in the middle of a batch': { work: killed, limit: 120_000 },
  'background sync': { work: inTheBackground, limit: 90_000 },
};
