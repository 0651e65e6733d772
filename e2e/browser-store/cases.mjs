// What only a browser does to a store: other tabs, other releases, a full disk, lost connections.
import { check, same } from './world.mjs';

/** Opens a database as another release would, in a page, with no store's help. */
const openRaw = ([name, version]) => new Promise((resolve, reject) => {
  const request = indexedDB.open(name, version);
  request.onsuccess = () => { globalThis.raw = request.result; resolve(request.result.version); };
  request.onerror = () => reject(request.error);
});

/** Makes a database of the first layout; its connection stays open and heeds nobody. */
const firstLayout = async ([name, rows]) => {
  const { load } = await import('/page.mjs');
  const { create } = await import('/first-layout.mjs');
  globalThis.raw = await create(name, rows, (await load()).first_layout_row);
};

export const CASES = {
  'every commit asks for strict durability': async (world) => {
    const page = await world.page();
    await page.evaluate(() => {
      globalThis.durabilities = [];
      const { transaction } = IDBDatabase.prototype;
      IDBDatabase.prototype.transaction = function begin(stores, mode, options) {
        const begun = transaction.call(this, stores, mode, options);
        if (mode === 'readwrite') globalThis.durabilities.push(begun.durability);
        return begun;
      };
    });
    await world.open(page, world.fresh());
    await world.call(page, 'add', 0, 3);
    await world.call(page, 'review', 7);
    same(await page.evaluate(() => globalThis.durabilities), ['strict', 'strict'], 'durability');
  },

  'of two tabs that commit on one revision exactly one comes through': async (world) => {
    const name = world.fresh();
    const [one, other] = [await world.page(name), await world.page(name)];
    for (let round = 0; round < 20; round += 1) {
      const base = await world.call(one, 'revision');
      const outcomes = await Promise.allSettled([one, other].map((page, n) => (
        world.call(page, 'add', (2 * round + n) * 5, 5, base)
      )));
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      check(refused.length === 1, `${refused.length} of 2 were refused in round ${round}`);
      check(refused[0].reason.message.includes('Conflict'), refused[0].reason.message);
      same(await world.call(other, 'revision'), base + 1, 'revision');
    }
    same(Object.keys(await world.call(one, 'whole', 5)).length, 20, 'commits');
  },

  'cards are counted in the index as one by one': async (world) => {
    const page = await world.page(world.fresh());
    await world.call(page, 'check_counts', 2);
    await world.call(page, 'fill_cards', 0, 250, 1);
    await world.call(page, 'check_counts', 101);
  },

  'listeners hear of the commits of other tabs, and of their own once': async (world) => {
    const name = world.fresh();
    const [one, other] = [await world.page(name), await world.page(name)];
    for (const page of [one, other]) {
      await page.evaluate(() => {
        globalThis.heard = [];
        globalThis.store.subscribe((revision) => globalThis.heard.push(revision));
      });
    }
    await world.call(one, 'add', 0, 1);
    await world.call(other, 'add', 1, 1);
    for (const page of [one, other]) await page.waitForFunction(() => globalThis.heard.length >= 2);
    for (const page of [one, other]) same(await page.evaluate(() => globalThis.heard), [1, 2], 'heard');
  },

  'a database of the first layout with 1,000 queued operations is brought up to date': async (world) => {
    const name = world.fresh();
    const page = await world.page();
    await page.evaluate(firstLayout, [name, 1_000]);
    await page.evaluate(() => globalThis.raw.close());
    await world.open(page, name);
    same(await world.call(page, 'check_queue', 1_200), 1_000, 'operations');
    same(await world.call(page, 'revision'), 1_000, 'revision');
    await world.call(page, 'fill_queue', 1_000, 1);
    same(await world.call(page, 'check_queue', 1_200), 1_001, 'operations');
    const version = await page.evaluate(() => globalThis.module.schema_version());
    const found = await page.evaluate(async (name) => (
      (await indexedDB.databases()).find((database) => database.name === name).version
    ), name);
    same(found, version, 'schema');
  },

  'a database of a later release is left alone': async (world) => {
    const name = world.fresh();
    const page = await world.page();
    await page.evaluate(openRaw, [name, 77]);
    const message = await world.open(page, name).then(() => 'opened', (error) => error.message);
    check(/NewerSchema \{ found: 77, known: \d+ \}/.test(message), message);
  },

  'a store gives way to a later release, and says so afterwards': async (world) => {
    const name = world.fresh();
    const [old, later] = [await world.page(name), await world.page()];
    await world.call(old, 'add', 0, 2);
    const version = await old.evaluate(() => globalThis.module.schema_version() + 1);
    same(await later.evaluate(openRaw, [name, version]), version, 'schema');
    const message = await world.refused(old, 'revision');
    check(message.includes(`NewerSchema { found: ${version}`), message);
  },

  'another tab that does not let go makes opening busy, and trying again helps once it is closed': async (world) => {
    const name = world.fresh();
    const [holder, page] = [await world.page(), await world.page()];
    await holder.evaluate(firstLayout, [name, 50]);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const message = await world.open(page, name).then(() => 'opened', (error) => error.message);
      check(message.includes('Busy(') && message.includes('close the other tabs'), message);
    }
    await holder.close();
    await world.open(page, name);
    same(await world.call(page, 'check_queue', 50), 50, 'operations');
  },

  'a connection that the browser closed is opened again': async (world) => {
    const page = await world.page(world.fresh());
    await world.call(page, 'add', 0, 2);
    const session = await world.session(page);
    const origin = { origin: world.origin, storageTypes: 'indexeddb' };
    await session.send('Storage.clearDataForOrigin', origin);
    same(await world.call(page, 'revision'), 0, 'revision after the data was cleared');
    await world.call(page, 'add', 0, 2);
    same(await world.call(page, 'check_queue', 5), 2, 'operations');
  },

  'a full disk refuses a commit whole, and room helps': async (world) => {
    // An origin of its own, and limited before anything is written: Chromium remembers for a while how much room there is.
    const origin = world.origin.replace('127.0.0.1', 'localhost');
    const page = await world.page(null, origin);
    const session = await world.session(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 3_000_000 });
    await world.open(page, world.fresh());
    let commits = 0;
    let message;
    while (!message && commits < 500) {
      message = await world.call(page, 'add', commits * 10, 10).then(() => null, (error) => error.message);
      commits += message ? 0 : 1;
    }
    check(message?.includes('Full('), message ?? 'never full');
    const revision = await world.call(page, 'revision');
    same(revision, commits, 'revision');
    same(Object.keys(await world.call(page, 'whole', 10)).length, commits, 'commits');
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    await world.until(() => world.call(page, 'add', commits * 10, 10).then(() => true, () => false));
    same(Object.keys(await world.call(page, 'whole', 10)).length, commits + 1, 'commits');
  },
};
