// Without a network: the app opens, everything can be done, and one batch carries it all once there is a network again.
import { add, controlled, left, libraryHas, pill, pillSays, ready, review, RUTH, signIn, signUp, synced, TWELVE } from './app.mjs';
import { created, reviews } from './server.mjs';
import { until } from './wait.mjs';

const REVIEWED = 5;

async function offlineFromTheFirstVisit(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await synced(page);

  await world.goOffline();
  const said = await add(page, TWELVE);
  world.check('twelve are added without a network', said.includes('12 passages added'), said);
  await review(page, REVIEWED);
  await pillSays(page, `Offline, ${TWELVE.length + REVIEWED} waiting`);
  await page.reload();
  await ready(page);
  world.same('after a reload without a network, Today shows what is left', await left(page), TWELVE.length - REVIEWED);
  await libraryHas(page, TWELVE.length);
  await pillSays(page, `Offline, ${TWELVE.length + REVIEWED} waiting`);

  const before = world.proxy.writes().length;
  await world.goOnline();
  await synced(page);
  const writes = world.proxy.writes().slice(before);
  world.same('exactly one request carries them', writes.map((it) => [it.body.operation, it.body.operations?.length]), [['batch', 17]]);
  const history = await world.server.history(RUTH);
  world.same('the server has every passage once', created(history), [...TWELVE].sort());
  world.same('and every review', reviews(history).length, REVIEWED);

  await world.openBrowser();
  const other = await world.open();
  await ready(other);
  await signIn(other, RUTH);
  await libraryHas(other, TWELVE.length);
  await until('another device has the same to go', async () => await left(other) === TWELVE.length - REVIEWED);
  world.check('another device has the same cards and the same to go', true);
}

export const OFFLINE = {
  'offline from the first visit': { work: offlineFromTheFirstVisit },
};
