// What can go wrong beyond a missing network: the server refuses a change, is away or busy, or the device has no room.
import { readFileSync } from 'node:fs';
import { add, ask, controlled, goTo, libraryHas, pill, pillSays, ready, review, RUTH, signUp, synced } from './app.mjs';
import { created } from './server.mjs';
import { until } from './wait.mjs';

/** A translation that the server has no words of. */
const UNKNOWN = { translation: 'NIV' };

const headline = (page) => page.locator('.batch-sync h2').innerText();
const inboxItem = (page, about) => page.locator('.failed-item', { hasText: about });

async function partialFailure(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await world.goOffline();
  await add(page, ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  await review(page, 1);
  await add(page, 'Genesis 1:1', UNKNOWN);
  await world.goOnline();
  await pillSays(page, '1 failed');
  await goTo(page, 'Sync');
  const told = await page.locator('.batch-sync .banner').innerText();
  world.check('four are saved and one needs attention', told.includes('4 saved, 1 needs your attention'), told);
  const item = inboxItem(page, 'Genesis 1:1');
  const reason = await item.innerText();
  world.check('the reason is told in words', /NIV/.test(reason) && /own words/.test(reason), reason);
  await world.pictures('partial-failure');

  await page.getByRole('button', { name: 'Save as a file' }).click();
  const [file] = await until('the file is saved', () => world.saved().length > 0 && world.saved());
  const lines = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  world.check('the inbox is saved as a file', lines.length === 1 && JSON.stringify(lines[0]).includes('Genesis 1:1'), lines);

  await item.getByRole('button', { name: 'Give the words' }).click();
  await page.locator('dialog[open]').getByLabel('Words').fill('When it all began, there was God.');
  await page.locator('dialog[open]').getByRole('button', { name: 'Save' }).click();
  await synced(page);
  const mended = (await world.server.history(RUTH)).find((it) => it.verse?.reference === 'Genesis 1:1');
  world.same('with words of one\'s own it is saved', mended?.verse.text, 'When it all began, there was God.');

  await add(page, ['Isaiah 40:31', 'Joshua 1:9'], UNKNOWN);
  await pillSays(page, '2 failed');
  await goTo(page, 'Sync');
  await inboxItem(page, 'Joshua 1:9').getByRole('button', { name: 'Remove' }).click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Remove' }).click();
  await pillSays(page, '1 failed');
  const sent = world.proxy.writes().length;
  await inboxItem(page, 'Isaiah 40:31').getByRole('button', { name: 'Try again' }).click();
  await until('it is sent again', () => world.proxy.writes().length > sent);
  await pillSays(page, '1 failed');
  await libraryHas(page, 5);
  world.same('what was removed is nowhere', created(await world.server.history(RUTH)), ['Genesis 1:1', 'John 3:16', 'Psalm 23:1', 'Romans 8:28']);
}

async function serverAway(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await synced(page);
  await world.serverGone();
  const said = await add(page, ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  world.check('work goes on without the server', said.includes('3 passages added'), said);
  await review(page, 1);
  await goTo(page, 'Sync');
  const reasons = ['You are offline', 'Waiting to try again'];
  const seen = await until('it says why it waits', async () => reasons.includes(await headline(page)) && headline(page));
  world.check(`it says why it waits: ${seen}`, true);
  await pillSays(page, /4 waiting/);

  world.proxy.fail(503, { 'retry-after': '3' });
  await world.serverBack();
  await page.getByRole('button', { name: 'Sync now' }).click();
  await until('the page says that the server asked for a pause', async () => await headline(page) === 'The server asked for a pause', 30_000);
  world.check('a busy server is told apart, with the time of the next try', await page.getByText(/Next try (in|at)/).count() > 0);
  await world.pictures('server-busy');
  const early = world.proxy.writes().length;
  world.proxy.pass();
  await synced(page, 30_000);
  world.check('it drains by itself', world.proxy.writes().length > early);
  world.same('and all is there', created(await world.server.history(RUTH)), ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
}

async function noRoom(world) {
  let page = await world.open();
  await ready(page);
  await controlled(page);
  await add(page, ['John 3:16', 'Psalm 23:1']);
  const before = await ask(page, 'overview');
  // A browser that is at work remembers for a while how much room there was.
  const { context } = await world.openBrowser(world.browser.profile);
  const protocol = await context.newCDPSession(await context.newPage());
  await protocol.send('Storage.overrideQuotaForOrigin', { origin: world.url, quotaSize: 1 });
  page = await world.open();
  await ready(page);
  await goTo(page, 'Add');
  await page.getByLabel('Passages to add').fill('Romans 8:28\nGenesis 1:1');
  await page.locator('main form button[type=submit]:not([disabled])').click();
  const told = page.locator('main form .fault, main .result .banner.warn, main [role=alert]').first();
  await told.waitFor();
  const words = await told.innerText();
  world.check('it says that there is no room', /room|space|full|storage/i.test(words), words);
  await world.pictures('no-room');
  const kept = await page.getByLabel('Passages to add').inputValue();
  world.check('what was typed is still there', kept.includes('Romans 8:28') && kept.includes('Genesis 1:1'), kept);
  const after = await ask(page, 'overview');
  world.same('nothing is written in part', [after.cards, after.waiting, after.due], [before.cards, before.waiting, before.due]);

  await protocol.send('Storage.overrideQuotaForOrigin', { origin: world.url });
  const said = await add(page, ['Romans 8:28', 'Genesis 1:1']);
  world.check('with room it works', said.includes('2 passages added'), said);
  await page.reload();
  await ready(page);
  await libraryHas(page, 4);
  world.same('and a guest still has all', await pill(page), 'Saved on this device');
}

/** The server has the change, but its answer is lost together with the network: a change made after that is another one. */
async function answerLost(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await synced(page);
  let letGo;
  world.proxy.hold = (record) => record.path.endsWith('/verse-operations') && new Promise((resolve) => { letGo = resolve; });
  await ask(page, 'updateProfile', { fullName: 'Ruth' });
  await until('the server has the first name', () => letGo, 30_000);
  await world.goOffline();
  letGo();
  await ask(page, 'updateProfile', { fullName: 'Ruth of Moab' });
  world.proxy.pass();
  await world.goOnline();
  await synced(page, 40_000);
  const names = (await world.server.history(RUTH)).filter((it) => it.type === 'update_profile').map((it) => it.data.fullName);
  world.same('both names have come, each once', names, ['Ruth', 'Ruth of Moab']);
  world.same('and the second one is shown', (await ask(page, 'profile')).fullName, 'Ruth of Moab');
}

export const FAULTS = {
  'partial failure': { work: partialFailure },
  'an answer lost with the network': { work: answerLost, limit: 90_000 },
  'server away and busy': { work: serverAway, limit: 90_000 },
  'no room on the device': { work: noRoom },
};
