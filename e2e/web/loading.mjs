// How fast the app opens: its size, the first visit on a slow line, the next one without any; and what browsers and
// search engines look for in an app that can be installed.
import { get } from 'node:http';
import { add, controlled, ready } from './app.mjs';
import { ms, sum, watchLoading } from './probes.mjs';
import { until } from './wait.mjs';

const THIRD_GENERATION = { bytesPerSecond: 400_000 / 8, latencyMs: 400 };
/** Lighthouse's limits for "good". */
const MAX_SHIFT = 0.1;
const MAX_BLOCKING_MS = 300;

/** What all scripts and the engine may weigh together, as they travel. */
const MAX_CODE = 250 * 1024;

/** Bytes of a body as it travels to a browser. */
const weighed = (url) => new Promise((resolve, reject) => {
  get(url, { headers: { 'accept-encoding': 'br' } }, (answer) => {
    if (answer.headers['content-encoding'] !== 'br') reject(new Error(`${url} does not travel as Brotli`));
    let bytes = 0;
    answer.on('data', (piece) => { bytes += piece.length; });
    answer.on('end', () => resolve(bytes));
  }).on('error', reject);
});

/** The same of all scripts and of the engine, by address. */
async function sizes(world) {
  const worker = await (await fetch(`${world.server.url}/sw.js`)).text();
  const scripts = new Set(worker.match(/\/app\/[\w.-]+\.(js|wasm)/g));
  const all = new Map();
  for (const path of ['/sw.js', ...scripts]) all.set(path, await weighed(world.server.url + path));
  return all;
}

async function firstVisit(world) {
  const { figures } = world;
  const all = await sizes(world);
  const total = sum([...all.values()]);
  figures['code as Brotli, bytes'] = total;
  figures['engine as Brotli, bytes'] = sum([...all].filter(([path]) => path.endsWith('.wasm')).map(([, size]) => size));
  world.check(`all code of the app travels in at most ${MAX_CODE} bytes: ${total}`, total <= MAX_CODE, [...all]);

  await world.openBrowser();
  await world.browser.context.addInitScript(watchLoading);
  world.proxy.slowness = THIRD_GENERATION;
  const page = await world.open();
  const first = await until('the first visit is ready', () => page.evaluate(() => globalThis.loading.interactive && globalThis.loading), 60_000);
  figures['3G, first visit: first contentful paint'] = ms(first.firstPaint);
  figures['3G, first visit: heading'] = ms(first.heading);
  figures['3G, first visit: engine has answered'] = ms(first.interactive);
  world.check('on 3G something is to be read long before the engine is there', first.firstPaint * 2 < first.interactive, first);
  world.check('nothing moves meanwhile', first.shifts < MAX_SHIFT, first.shifts);
  await world.pictures('first-visit');
  const before = Date.now();
  await until('the service worker is ready', () => controlled(page), 60_000);
  figures['3G, first visit: then ready for offline after'] = ms(Date.now() - before);
  world.proxy.slowness = null;
  await add(page, 'John 3:16');

  await world.goOffline();
  await page.goto(`${world.url}/today`);
  const repeat = await until('the offline visit is ready', () => page.evaluate(() => globalThis.loading.due && globalThis.loading));
  figures['offline visit: Today shows'] = ms(repeat.due);
  world.check('a visit without a network is faster than the first by far', repeat.due * 3 < first.interactive, [repeat.due, first.interactive]);
}

/** What the browser says of uses that will end. */
async function deprecations(world, page) {
  const issues = [];
  const protocol = await world.browser.context.newCDPSession(page);
  protocol.on('Audits.issueAdded', ({ issue }) => issues.push(issue));
  await protocol.send('Audits.enable');
  return { issues, protocol };
}

async function installable(world) {
  const { figures } = world;
  await world.openBrowser();
  await world.browser.context.addInitScript(watchLoading);
  const page = await world.browser.context.newPage();
  const { issues, protocol } = await deprecations(world, page);
  await page.goto(`${world.url}/today`);
  await ready(page);
  await controlled(page);
  const seen = await page.evaluate(() => globalThis.loading);
  const blocking = sum(seen.longTasks.map((task) => Math.max(0, task.ms - 50)));
  figures['page: first contentful paint'] = ms(seen.firstPaint);
  figures['page: largest contentful paint'] = ms(seen.largest);
  figures['page: total blocking time'] = ms(blocking);
  figures['page: cumulative layout shift'] = seen.shifts.toFixed(3);
  world.check('the layout keeps still', seen.shifts < MAX_SHIFT, seen.shifts);
  world.check('the page is not kept busy while it loads', blocking < MAX_BLOCKING_MS, seen.longTasks);

  const manifest = await (await fetch(`${world.server.url}/manifest.webmanifest`)).json();
  const { name, short_name: short, start_url: start, display, icons, scope, theme_color: theme } = manifest;
  world.check('the manifest has what installing needs', [name, short, start, display, icons, scope, theme].every(Boolean) && display === 'standalone', manifest);
  const sized = (size) => icons.some((icon) => icon.sizes === size && icon.type === 'image/png');
  world.check('with icons in both sizes and one to be cut out', sized('192x192') && sized('512x512') && icons.some((it) => it.purpose === 'maskable'), icons);
  for (const icon of icons) {
    const answer = await fetch(world.server.url + icon.src);
    world.check(`the icon ${icon.sizes} is there`, answer.ok && answer.headers.get('content-type').startsWith(icon.type), answer.status);
  }
  const { installabilityErrors } = await protocol.send('Page.getInstallabilityErrors');
  world.same('the browser finds nothing against installing', installabilityErrors.filter((it) => it.errorId !== 'in-incognito'), []);
  const { lang, viewport, secure, title, described } = await page.evaluate(() => ({
    lang: document.documentElement.lang,
    viewport: document.querySelector('meta[name=viewport]')?.content ?? '',
    secure: isSecureContext,
    title: document.title,
    described: document.querySelector('meta[name=description]')?.content ?? '',
  }));
  world.check('language, viewport, title and description', lang !== '' && /width=device-width/.test(viewport) && !/user-scalable=no|maximum-scale/.test(viewport)
    && title !== '' && described !== '', { lang, viewport, title, described });
  world.check('in a secure context', secure);

  await world.goOffline();
  await page.goto(world.url + start);
  await ready(page);
  world.check('the start page answers without a network', new URL(page.url()).pathname === start);
  const old = issues.filter((issue) => issue.code === 'DeprecationIssue').map((issue) => issue.details.deprecationIssueDetails?.type);
  world.same('nothing is used that browsers will take away', old, []);
}

/** A theme that was chosen shows before the app's code has come, and around the page too. */
async function chosenColours(world) {
  await world.openBrowser();
  await world.browser.context.addInitScript(() => location.protocol === 'http:' && localStorage.setItem('verses.theme', 'dark'));
  const page = await world.browser.context.newPage();
  let letThrough = null;
  await page.route(/\/app\/main\./, (route) => { letThrough = () => route.continue(); });
  await page.goto(`${world.url}/today`, { waitUntil: 'commit' });
  const colours = () => page.evaluate(() => ({
    theme: document.documentElement.dataset.theme,
    page: getComputedStyle(document.documentElement).colorScheme,
    around: [...document.querySelectorAll('meta[name=theme-color]')].filter((it) => matchMedia(it.media || 'all').matches).map((it) => it.content),
  }));
  const seen = await until('the colours are there', async () => letThrough && (await colours()).theme && colours());
  world.same('the chosen colours are there before the app', seen, { theme: 'dark', page: 'dark', around: ['#161512'] });
  letThrough();
  await ready(page);
  world.same('and stay', await colours(), seen);
}

export const LOADING = {
  'first visit on a slow line': { work: firstVisit, limit: 120_000 },
  installable: { work: installable },
  'chosen colours': { work: chosenColours },
};
