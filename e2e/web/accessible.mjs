// No page breaks a rule of accessibility that a program can check: empty, with cards, offline, with failures, signed in;
// light and dark, narrow and wide. And none scrolls sideways.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { add, controlled, goTo, pillSays, ready, review, RUTH, signUp, synced } from './app.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const SIZES = [{ width: 390, height: 844 }, { width: 1280, height: 800 }];
const PAGES = ['Today', 'Library', 'Add', 'Progress', 'Settings', 'Sync'];

async function faultsHere(page) {
  const { width, found } = await page.evaluate(async (tags) => {
    // Colours on their way would be measured half-way.
    await Promise.all(document.getAnimations().filter((it) => it.effect?.getComputedTiming().endTime !== Infinity).map((it) => it.finished.catch(() => {})));
    const { violations } = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
    return {
      width: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      found: violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 2).map((it) => it.target.join(' ')).join(' | ')}`),
    };
  }, TAGS);
  return width > 0 ? [...found, `scrolls sideways by ${width} px`] : found;
}

/** Looks at pages in both sizes and themes. */
async function look(world, page, situation, names) {
  // Put in by the debugger, which the content policy does not concern.
  await page.evaluate(AXE);
  const faults = [];
  let looked = 0;
  for (const name of names) {
    await goTo(page, name);
    for (const size of SIZES) {
      await page.setViewportSize(size);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const found = await faultsHere(page);
        faults.push(...found.map((fault) => `${name} ${size.width} ${colorScheme}: ${fault}`));
        looked += 1;
      }
    }
  }
  world.same(`no violation ${situation} (${looked} views)`, faults, []);
}

async function accessible(world) {
  const page = await world.open();
  await ready(page);
  await controlled(page);
  await page.locator('.banners').getByRole('button', { name: 'Not now' }).click({ timeout: 2_000 }).catch(() => {});
  await look(world, page, 'while it is empty', PAGES);
  await signUp(page, RUTH);
  await add(page, ['John 3:16', 'Psalm 23:1-3', 'Romans 8:28', 'Genesis 1:1']);
  await synced(page);
  await review(page, 1);
  await look(world, page, 'with cards, signed in', PAGES);
  await world.goOffline();
  await add(page, ['Isaiah 40:31'], { translation: 'NIV' });
  await pillSays(page, /^Offline/);
  await look(world, page, 'without a network', ['Today', 'Settings', 'Sync']);
  await goTo(page, 'Library');
  await page.getByText('Psalm 23:1').first().click();
  await page.locator('.verse-text').waitFor();
  await world.goOnline();
  await pillSays(page, '1 failed');
  await look(world, page, 'with a failure', ['Today', 'Sync']);
  await goTo(page, 'Library');
  await page.getByText('Psalm 23:1').first().click();
  await page.locator('.verse-text').waitFor();
  world.same('nor on the page of a passage', await faultsHere(page), []);
}

export const ACCESSIBLE = { 'accessible on every page': { work: accessible, limit: 150_000 } };
