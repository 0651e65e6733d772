// The app as a user handles it: pages, forms and what is to be read on them.
import { until } from './wait.mjs';

export const RUTH = { email: 'ruth@example.org', password: 'where you go I will go' };
export const NAOMI = { email: 'naomi@example.org', password: 'call me Mara instead' };

export const TWELVE = [
  'John 3:16', 'Psalm 23:1', 'Romans 8:28', 'Genesis 1:1', 'Philippians 4:13', 'Isaiah 40:31', 'Matthew 6:33', 'Joshua 1:9',
  'Proverbs 3:5', 'Hebrews 11:1', 'James 1:5', 'Psalm 119:11',
];

/** The app has answered: the frame is no longer that of index.html. */
export async function ready(page) {
  await page.locator('main h1').first().waitFor();
  await until('the app is there', () => page.evaluate(() => !document.querySelector('.opening, [aria-busy=true]')));
}

/** The service worker has everything and controls the page. */
export const controlled = (page) => until('the service worker controls the page', () => page.evaluate(async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  return registration?.active?.state === 'activated' && navigator.serviceWorker.controller !== null;
}));

/** Opens a page by its link in the frame. */
export async function goTo(page, name) {
  if (name === 'Sync') await page.locator('.pill').click();
  else await page.locator('nav.tabs').getByRole('link', { name }).click();
  await page.locator('main h1', { hasText: name }).waitFor();
  await until(`${name} is there`, () => page.evaluate(() => !document.querySelector('main [aria-busy=true]')));
}

async function account(page, way, { email, password }) {
  await goTo(page, 'Settings');
  const choice = page.getByRole('radio', { name: way, exact: true });
  // Whose session has ended is only asked to sign in.
  if (await choice.count() > 0) await choice.check({ force: true });
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.locator('main form button[type=submit]', { hasText: way }).click();
  const told = page.locator('main .result .banner', { hasText: 'You are signed in' });
  await told.waitFor();
  return told.innerText();
}

export const signUp = (page, who) => account(page, 'Make an account', who);
export const signIn = (page, who) => account(page, 'Sign in', who);

export async function signOut(page, { forget = false } = {}) {
  await goTo(page, 'Settings');
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  const dialog = page.locator('dialog[open]');
  if (forget) await dialog.getByRole('radio', { name: /Remove them/ }).check({ force: true });
  await dialog.getByRole('button', { name: /^Sign out/ }).click();
  await page.locator('.toast', { hasText: 'You are signed out' }).last().waitFor();
}

/** Adds passages, one or many, and gives what the app says of it. */
export async function add(page, references, { translation } = {}) {
  await goTo(page, 'Add');
  if (translation) {
    await page.getByLabel('Translation', { exact: true }).selectOption({ label: 'Another…' });
    await page.getByLabel('Short name of the translation').fill(translation);
  }
  await page.getByLabel('Passages to add').fill([references].flat().join('\n'));
  await page.locator('main form button[type=submit]:not([disabled])').click();
  const told = page.locator('main .result .banner');
  await told.waitFor();
  return told.innerText();
}

/** The reference under review; empty when there is none. */
const underReview = (page) => page.evaluate(() => document.querySelector('article.passage h2')?.innerText ?? '');

/** Answers so many reviews with "Got it". */
export async function review(page, times) {
  await goTo(page, 'Today');
  for (let n = 0; n < times; n += 1) {
    const before = await until('a passage is there', () => underReview(page));
    await page.getByRole('button', { name: 'Got it' }).click();
    await until('the next passage is there', async () => await underReview(page) !== before);
  }
}

export const pill = (page) => page.locator('.pill').innerText();

/** Waits until the pill says so. */
export const pillSays = (page, words, patience) => until(`the pill says ${words}`, async () => {
  const text = await pill(page);
  return words instanceof RegExp ? words.test(text) && text : text === words && text;
}, patience).catch(async (error) => {
  throw new Error(`${error.message}; it says ${await pill(page).catch(() => 'nothing')}`);
});

/** How many passages the library says it has, once it says so many. */
export async function libraryHas(page, count) {
  await goTo(page, 'Library');
  const words = count === 0 ? 'Your library is empty' : `${count.toLocaleString('en-GB')} passage${count === 1 ? '' : 's'}`;
  await page.locator('main').getByText(words, { exact: true }).first().waitFor();
}

/** How many passages Today says are to go. */
export async function left(page) {
  await goTo(page, 'Today');
  const line = page.locator('.day-progress span').first();
  if (await line.count() === 0) return 0;
  const text = await line.innerText();
  return text === 'The last one' ? 1 : Number.parseInt(text.replace(/\D/g, ''), 10);
}

/** How many operations of whoever is signed in wait or failed, as the store has it. */
export const queued = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const opening = indexedDB.open('verses');
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const database = opening.result;
    const transaction = database.transaction(['meta', 'sync_queue']);
    const session = transaction.objectStore('meta').get('session');
    const rows = transaction.objectStore('sync_queue').getAll();
    transaction.oncomplete = () => {
      database.close();
      const owner = session.result && JSON.parse(session.result).user_id;
      resolve(rows.result.filter((row) => row.owner === owner).length);
    };
  };
}));

/** Nothing waits, and the app says so. */
export async function synced(page, patience) {
  await until('the queue is empty', async () => await queued(page) === 0, patience);
  await pillSays(page, 'Synced');
}

/** Asks the engine of a tab of its own, beside the app: it does not lead. */
export const ask = (page, call, args = {}) => page.evaluate(async ([name, given]) => {
  if (!globalThis.beside) {
    const cached = await caches.keys().then((names) => names.find((it) => it.startsWith('verses-app-')));
    const paths = cached ? (await (await caches.open(cached)).keys()).map((it) => new URL(it.url).pathname) : [];
    const script = paths.find((it) => /\/worker\./.test(it));
    if (!script) throw new Error('the app is not kept yet');
    globalThis.beside = new Worker(script);
    globalThis.asked = 0;
  }
  globalThis.asked += 1;
  const id = globalThis.asked;
  return new Promise((resolve, reject) => {
    globalThis.beside.addEventListener('message', function listen({ data }) {
      if (data.id !== id) return;
      globalThis.beside.removeEventListener('message', listen);
      if (data.error) reject(new Error(JSON.stringify(data.error)));
      else resolve(data.ok);
    });
    globalThis.beside.postMessage({ id, call: name, args: given });
  });
}, [call, args]);
