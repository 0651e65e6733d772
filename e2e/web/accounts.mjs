// Accounts: tokens that run out, sessions that end, guests who sign up, and two people on one device.
import { add, ask, controlled, goTo, left, libraryHas, NAOMI, pill, pillSays, ready, review, RUTH, signIn, signOut, signUp, synced } from './app.mjs';
import { created, reviews } from './server.mjs';

/** Changes the session that the app keeps; in the layout of the store: text under its name. */
const changeSession = (page, change) => page.evaluate((changes) => new Promise((resolve, reject) => {
  const opening = indexedDB.open('verses');
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const database = opening.result;
    const transaction = database.transaction('meta', 'readwrite');
    const meta = transaction.objectStore('meta');
    const reading = meta.get('session');
    reading.onsuccess = () => {
      if (reading.result === undefined) return transaction.abort();
      const session = { ...JSON.parse(reading.result), ...changes };
      return meta.put(JSON.stringify(session), 'session');
    };
    transaction.oncomplete = () => {
      database.close();
      resolve();
    };
    transaction.onabort = () => reject(new Error('there is no session'));
  };
}), change);

async function sessions(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await synced(page);
  await world.goOffline();
  await changeSession(page, { expires_at_ms: Date.now() - 60_000 });
  await page.reload();
  await ready(page);
  await add(page, ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  const refreshed = () => world.proxy.requests.filter((it) => it.path === '/auth/v1/token' && it.body?.refresh_token && it.status === 200).length;
  const before = refreshed();
  await world.goOnline();
  await synced(page);
  world.check('a token that ran out is refreshed, and nothing is asked', refreshed() > before);
  world.same('and what waited is saved', created(await world.server.history(RUTH)), ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);

  // A server that never gave this session.
  await world.serverGone();
  await add(page, ['Genesis 1:1', 'Isaiah 40:31']);
  await review(page, 1);
  await world.serverBack('another');
  await pillSays(page, 'Sign in again', 30_000);
  await world.pictures('sign-in-again');
  await goTo(page, 'Settings');
  const words = await page.locator('main .banner.warn').first().innerText();
  world.check('it says that the session has ended and that three changes wait', /has ended.*3 changes wait/s.test(words), words);
  await libraryHas(page, 5);
  world.check('nothing is lost', (await ask(page, 'overview')).waiting === 3);
  await world.serverGone();
  await world.serverBack();
  await signIn(page, RUTH);
  await synced(page);
  const history = await world.server.history(RUTH);
  world.same('after signing in the queue goes out', created(history), ['Genesis 1:1', 'Isaiah 40:31', 'John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  world.same('with the review', reviews(history).length, 1);
}

async function guest(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await add(page, ['John 3:16', 'Psalm 23:1', 'Romans 8:28', 'Genesis 1:1']);
  await review(page, 2);
  world.same('a guest\'s work is on this device', await pill(page), 'Saved on this device');
  world.same('and nothing of it was sent', world.proxy.writes().length, 0);
  await goTo(page, 'Settings');
  const words = await page.locator('main .who').first().innerText();
  world.check('the settings say what is on this device only', words.includes('4 passages'), words);
  const said = await signUp(page, RUTH);
  world.check('signing up takes everything along', said.includes('4 passages and 6 changes are now in your account'), said);
  await synced(page);
  const history = await world.server.history(RUTH);
  world.same('the server has every passage', created(history), ['Genesis 1:1', 'John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  world.same('and every review', reviews(history).length, 2);
  world.same('what is to go is as before', await left(page), 2);
}

async function twoPeople(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await signUp(page, RUTH);
  await add(page, ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  await synced(page);
  await world.serverGone();
  await review(page, 1);
  await add(page, ['Genesis 1:1', 'Isaiah 40:31']);
  await pillSays(page, /3 waiting/);
  await signOut(page);
  await libraryHas(page, 0);
  world.check('after signing out nothing of the first is in sight', (await ask(page, 'overview')).cards === 0);

  await world.serverBack();
  await signUp(page, NAOMI);
  await synced(page);
  await libraryHas(page, 0);
  await add(page, ['Matthew 6:33', 'Hebrews 11:1', 'James 1:5']);
  await synced(page);
  world.same('another user has only their own', created(await world.server.history(NAOMI)), ['Hebrews 11:1', 'James 1:5', 'Matthew 6:33']);
  world.same('and sent nothing of the first', created(await world.server.history(RUTH)), ['John 3:16', 'Psalm 23:1', 'Romans 8:28']);

  await signOut(page);
  await signIn(page, RUTH);
  await libraryHas(page, 5);
  await synced(page);
  const history = await world.server.history(RUTH);
  world.same('the first finds everything, and what was parked goes out', created(history),
    ['Genesis 1:1', 'Isaiah 40:31', 'John 3:16', 'Psalm 23:1', 'Romans 8:28']);
  world.same('with the review', reviews(history).length, 1);

  await signOut(page, { forget: true });
  await libraryHas(page, 0);
  const kept = await page.evaluate(() => new Promise((resolve, reject) => {
    const opening = indexedDB.open('verses');
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = async () => {
      const names = [...opening.result.objectStoreNames];
      const transaction = opening.result.transaction(names);
      const all = await Promise.all(names.map((name) => new Promise((done) => {
        transaction.objectStore(name).getAll().onsuccess = ({ target }) => done([name, JSON.stringify(target.result)]);
      })));
      opening.result.close();
      resolve(all);
    };
  }));
  const naming = kept.filter(([, rows]) => ['Isaiah 40:31', 'Psalm 23:1'].some((name) => rows.includes(name))).map(([name]) => name);
  world.same('signed out with "remove", no row names a passage of the first', naming, []);
  world.check('while those of the second stay', kept.some(([, rows]) => rows.includes('Hebrews 11:1')));
}

export const ACCOUNTS = {
  'tokens and sessions': { work: sessions, limit: 90_000 },
  'a guest signs up': { work: guest },
  'two people on one device': { work: twoPeople },
};
