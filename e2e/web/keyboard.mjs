// The keyboard alone: adding, reviewing, all pages, dialogs; the focus is always somewhere, and to be seen.
import { ready } from './app.mjs';
import { until } from './wait.mjs';

const MOST_TABS = 60;

/** What has the focus: its name, and whether one sees that it has it. */
const focused = (page) => page.evaluate(() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const label = it.labels?.[0]?.textContent ?? it.getAttribute('aria-label') ?? it.textContent ?? '';
  // A ring may be drawn on what stands around a hidden control.
  const drawn = [it, it.parentElement, it.nextElementSibling].filter(Boolean).some((element) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) > 0;
  });
  return { name: label.trim().replace(/\s+/g, ' '), tag: it.tagName.toLowerCase(), drawn, isText: it.matches('input, textarea') };
});

/** Presses Tab until something of this name has the focus. Notes where the focus could not be seen. */
async function tabTo(page, name, unseen, key = 'Tab') {
  const met = [];
  for (let n = 0; n < MOST_TABS; n += 1) {
    await page.keyboard.press(key);
    const now = await focused(page);
    if (!now) continue;
    met.push(now.name);
    if (!now.drawn) unseen.push(`${now.tag} ${now.name.slice(0, 40)}`);
    if (name instanceof RegExp ? name.test(now.name) : now.name === name) return now;
  }
  throw new Error(`Tab never comes to ${name}, but to ${met.slice(0, 25).join(' | ')}`);
}

const headingHasFocus = (page, title) => until(`the heading ${title} has the focus`, async () => {
  const now = await focused(page);
  return now?.tag === 'h1' && now.name === title;
});

async function keyboard(world) {
  // The script of the other pages may be late: then the heading comes before the page.
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  world.proxy.hold = ({ path }) => (path.startsWith('/app/rest.') ? released : undefined);
  const page = await world.open();
  await ready(page);
  const unseen = [];

  await page.keyboard.press('Tab');
  world.same('the first is the way past the navigation', (await focused(page))?.name, 'Skip to the page');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Add a passage', unseen);
  await page.keyboard.press('Enter');
  await headingHasFocus(page, 'Add');
  release();
  await page.getByLabel('Passages to add').waitFor();
  await headingHasFocus(page, 'Add');
  world.check('the heading keeps the focus when the page comes later', true);
  await tabTo(page, /^Passages to add/, unseen);
  await page.keyboard.type('John 3:16; Psalm 23:1; Romans 8:28');
  await until('they are understood', async () => await page.getByRole('button', { name: 'Add 3 passages' }).count() > 0);
  await page.keyboard.press('Control+Enter');
  await page.locator('main .result .banner', { hasText: '3 passages added' }).waitFor();
  await until('the focus stays in the field', async () => (await focused(page))?.tag === 'textarea');
  world.check('passages are added by keys', true);

  for (const [name, title] of [['Library', 'Library'], ['Progress', 'Progress'], ['Settings', 'Settings'], [/^Today/, 'Today']]) {
    await tabTo(page, name, unseen, 'Shift+Tab').catch(() => tabTo(page, name, unseen));
    await page.keyboard.press('Enter');
    await headingHasFocus(page, title);
  }
  world.check('every page is reached, and its heading takes the focus', true);

  // Reviewing.
  const passage = page.locator('article.passage h2');
  const first = await passage.innerText();
  await page.keyboard.press('Space');
  await page.locator('article.passage .words', { hasText: /\w{3}/ }).waitFor();
  await page.keyboard.press('2');
  await until('the next passage comes', async () => await passage.innerText() !== first);
  const second = await passage.innerText();
  await page.keyboard.press('1');
  await until('the next passage comes', async () => await passage.innerText() !== second);
  world.check('passages are reviewed by keys', true);

  // A dialog.
  await tabTo(page, 'Show all', unseen);
  await page.keyboard.press('?');
  await page.locator('dialog[open]').waitFor();
  const inside = [];
  for (let n = 0; n < 6; n += 1) {
    await page.keyboard.press('Tab');
    inside.push(await page.evaluate(() => document.activeElement === document.body || document.querySelector('dialog[open]').contains(document.activeElement)));
  }
  world.check('the focus stays in an open dialog', inside.every(Boolean), inside);
  await page.keyboard.press('Escape');
  await until('Escape closes the dialog', async () => await page.locator('dialog[open]').count() === 0);
  world.same('and the focus returns', (await focused(page))?.name, 'Show all');

  // A passage and its dialogs.
  await tabTo(page, 'Library', unseen, 'Shift+Tab').catch(() => tabTo(page, 'Library', unseen));
  await page.keyboard.press('Enter');
  await headingHasFocus(page, 'Library');
  await tabTo(page, /John 3:16/, unseen);
  await page.keyboard.press('Enter');
  await headingHasFocus(page, 'John 3:16');
  await tabTo(page, 'Change how often', unseen);
  await page.keyboard.press('Enter');
  await page.locator('dialog[open]').waitFor();
  await page.keyboard.press('Escape');
  await until('Escape closes this one too', async () => await page.locator('dialog[open]').count() === 0);
  // The browser gives it back in a task of its own.
  await until('the focus is where it was', async () => (await focused(page))?.name === 'Change how often');
  world.check('and the focus is where it was', true);
  world.same('wherever the focus was, it was to be seen', [...new Set(unseen)], []);
}

export const KEYBOARD = { 'keyboard alone': { work: keyboard } };
