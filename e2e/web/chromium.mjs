// A headless Chromium of our own, with a profile in a folder, so that it can be killed and started again on the same data.
import { spawn } from 'node:child_process';
import { chromium } from 'playwright-core';

const START_TIMEOUT_MS = 60_000;

const ARGUMENTS = [
  '--headless=new', '--remote-debugging-port=0', '--no-first-run', '--disable-gpu', '--disable-dev-shm-usage',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic', '--lang=en-GB',
  '--window-size=1280,800', '--hide-scrollbars',
  // The pages of a test are in the background, and still must not be slowed down.
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
  // It opens only the pages of this test; as root, and in containers, there is no sandbox.
  '--no-sandbox',
];

/**
 * Starts Chromium on a profile. Gives its context, `protocol`, the browser's own session of its debugging
 * protocol, `close()` and `kill()`.
 */
export async function launch(profile) {
  const program = process.env.CHROMIUM ?? 'chromium';
  const child = spawn(program, [...ARGUMENTS, `--user-data-dir=${profile}`, 'about:blank'], {
    // A group of its own, so that all of its processes can be killed at once.
    stdio: ['ignore', 'ignore', 'pipe'], detached: true,
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  // A run that is ended leaves no browser behind.
  const withUs = () => child.exitCode ?? child.signalCode ?? process.kill(-child.pid, 'SIGKILL');
  process.once('exit', withUs);
  ended.then(() => process.off('exit', withUs));
  const kill = async () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
    await ended;
  };
  try {
    const browser = await chromium.connectOverCDP(await debuggingAddress(child));
    const [context] = browser.contexts();
    const protocol = await browser.newBrowserCDPSession();
    const close = async () => {
      await protocol.send('Browser.close').catch(() => {});
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5_000))]);
      await kill();
    };
    return { context, protocol, close, kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

function debuggingAddress(child) {
  return new Promise((resolve, reject) => {
    let said = '';
    const late = setTimeout(() => reject(new Error(`Chromium does not start: ${said}`)), START_TIMEOUT_MS);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Chromium ended (${code}): ${said}`)));
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (!found) return;
      clearTimeout(late);
      resolve(found[1]);
    });
  });
}
