// What one scenario has for itself: a server with an empty database, a proxy before it, and browsers with profiles of their
// own, one at a time. It collects what the browsers complain of, and the scenario's checks.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from './chromium.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';

/** What the browser says of requests that did not get through. */
export const NETWORK = /^Failed to load resource: (net::ERR_|the server responded with a status of)|net::ERR_[A-Z_]+/;
const SAID_LINES = 30;

/** Runs in every page before the app. */
function watchPage() {
  addEventListener('securitypolicyviolation', (event) => {
    console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI}`);
  });
}

export class World {
  passed = 0;
  failures = [];
  /** All that was said in consoles, for a failure; and of that what nothing excuses. */
  said = [];
  faults = [];
  figures = {};
  #excused = [];
  #profiles = 0;
  #settings;
  browser;

  static async start(name, settings) {
    const world = new World();
    world.name = name;
    world.#settings = settings;
    world.folder = mkdtempSync(join(tmpdir(), 'verses-web-'));
    world.downloads = join(world.folder, 'downloads');
    mkdirSync(world.downloads);
    world.proxy = await Proxy.start();
    await world.startServer();
    return world;
  }

  get url() {
    return this.proxy.url;
  }

  async startServer(database) {
    const { verses, dist } = this.#settings;
    this.server = await Server.start({ verses, dist, folder: join(this.folder, 'server'), database, publicUrl: this.proxy.url });
    this.proxy.target = this.server.url;
  }

  /** No network: neither for the browser nor behind it. */
  async goOffline() {
    this.excuse(NETWORK);
    await this.browser.context.setOffline(true);
    await this.serverGone();
  }

  async goOnline() {
    await this.serverBack();
    await this.browser.context.setOffline(false);
  }

  async serverGone() {
    this.excuse(NETWORK);
    await this.proxy.refuse();
    await this.server.stop();
  }

  async serverBack(database) {
    await this.startServer(database);
    await this.proxy.accept();
  }

  /** A browser with this profile, or with a new one. The one before must be gone: there is only one at a time. */
  async openBrowser(profile = join(this.folder, `profile-${this.#profiles++}`)) {
    await this.browser?.close();
    this.browser = await launch(profile);
    this.browser.profile = profile;
    const { context, protocol } = this.browser;
    await protocol.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: this.downloads });
    await context.addInitScript(watchPage);
    context.on('console', (message) => this.#hear(message.type(), message.text()));
    context.on('weberror', (error) => this.#hear('error', `exception: ${error.error().stack ?? error.error().message}`));
    context.on('serviceworker', (worker) => {
      worker.on('console', (message) => this.#hear(message.type(), `service worker: ${message.text()}`));
    });
    return this.browser;
  }

  #hear(type, text) {
    this.said.push(`${type}: ${text}`);
    if ((type === 'error' || type === 'warning') && !this.#excused.some((known) => known.test(text))) this.faults.push(text);
  }

  /** From now on such lines in the console are no fault. */
  excuse(pattern) {
    this.#excused.push(pattern);
  }

  /** A tab with the app. */
  async open(path = '/today') {
    if (!this.browser) await this.openBrowser();
    const page = await this.browser.context.newPage();
    await page.goto(this.url + path);
    return page;
  }

  check(what, isGood, seen) {
    if (isGood) this.passed += 1;
    else this.failures.push(what);
    const saw = isGood || seen === undefined ? '' : `: saw ${JSON.stringify(seen)}`;
    console.log(`${isGood ? 'ok  ' : 'FAIL'} ${this.name}: ${what}${saw}`);
  }

  same(what, seen, expected) {
    const isGood = JSON.stringify(seen) === JSON.stringify(expected);
    this.check(what, isGood, isGood ? undefined : { seen, expected });
  }

  /** Pictures of all tabs. */
  async pictures(name) {
    let n = 0;
    for (const page of (this.browser?.context.pages() ?? []).filter((it) => it.url().startsWith(this.url))) {
      const path = join(this.#settings.out, n === 0 ? `${name}.png` : `${name}-${n}.png`);
      n += 1;
      // A page that crashed has no picture.
      await page.screenshot({ path, timeout: 5_000 }).catch(() => {});
    }
  }

  report() {
    return ['the consoles said:', ...this.said.slice(-SAID_LINES), 'the server\'s log ends with:', this.server?.logEnd() ?? ''].join('\n');
  }

  /** Files that were saved. */
  saved() {
    return readdirSync(this.downloads).filter((name) => !name.endsWith('.crdownload')).map((name) => join(this.downloads, name));
  }

  async stop() {
    await this.browser?.close();
    await this.proxy.stop();
    await this.server?.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
