// The server, the browser and its pages, as the cases use them.
import { launch } from './chromium.mjs';
import { serve } from './serve.mjs';

export class World {
  static async start(folder, profile) {
    const world = new World();
    world.profile = profile;
    world.server = await serve(folder);
    world.origin = world.server.origin;
    world.browser = await launch(profile);
    world.names = 0;
    return world;
  }

  /** A name no other case uses. */
  fresh() {
    this.names += 1;
    return `verses-${this.names}`;
  }

  /** A page of the origin; with a name, with the store of that name open as `store`. */
  async page(name, origin = this.origin) {
    const page = await this.browser.context.newPage();
    await page.goto(`${origin}/`);
    if (name) await this.open(page, name);
    return page;
  }

  /** Opens a store in a page; what the error says if it cannot be opened. */
  open(page, name) {
    return page.evaluate((name) => import('/page.mjs').then(({ open }) => open(name)), name);
  }

  /** Calls a method of the page's store. */
  call(page, method, ...parameters) {
    return page.evaluate(([method, parameters]) => globalThis.store[method](...parameters), [method, parameters]);
  }

  /** Calls a method that must fail; what it says. */
  async refused(page, method, ...parameters) {
    try {
      await this.call(page, method, ...parameters);
    } catch (error) {
      return error.message;
    }
    throw new Error(`${method} must fail`);
  }

  /** Tries until it comes true, for a minute at most. */
  async until(holds) {
    for (const started = Date.now(); !(await holds());) {
      if (Date.now() - started > 60_000) throw new Error('it does not come true within a minute');
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  /** Speaks the protocol of the browser's developer tools. */
  session(page) {
    return this.browser.context.newCDPSession(page);
  }

  /** Kills every process of the browser at once, and starts it again on the same profile. */
  async killAndRestart() {
    await this.browser.kill();
    this.browser = await launch(this.profile);
  }

  /** Closes all pages but one, without which the browser would end. */
  async tidy() {
    const [, ...others] = this.browser.context.pages();
    await Promise.all(others.map((page) => page.close().catch(() => {})));
  }

  async stop() {
    await this.browser.close();
    this.server.close();
  }
}

/** Fails unless both are the same, as JSON. */
export function same(found, expected, what) {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what}: ${one} instead of ${other}`);
}

export function check(holds, what) {
  if (!holds) throw new Error(what);
}
