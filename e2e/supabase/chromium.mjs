// A headless Chromium, driven over its debugging protocol: starts it, opens a page, evaluates in it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';

const START_TIMEOUT_MS = 60_000;

/** Starts Chromium. Gives `open(url)` for a page with `evaluate(expression)`, and `close()`. */
export async function launch(program) {
  const folder = mkdtempSync(join(tmpdir(), 'verses-chromium-'));
  const process = spawn(program, [
    '--headless=new', '--remote-debugging-port=0', `--user-data-dir=${folder}`, '--no-first-run', '--disable-gpu',
    '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    // It opens only the page of this test; as root, and in containers, there is no sandbox.
    '--no-sandbox', 'about:blank',
  ], { stdio: ['ignore', 'ignore', 'pipe'] });
  const close = async () => {
    const ended = new Promise((resolve) => process.once('exit', resolve));
    if (process.exitCode === null && process.kill('SIGKILL')) await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const connection = await connect(await debuggingAddress(process));
    return { open: (url) => open(connection, url), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function debuggingAddress(process) {
  return new Promise((resolve, reject) => {
    let said = '';
    const late = setTimeout(() => reject(new Error(`Chromium does not start: ${said}`)), START_TIMEOUT_MS);
    process.once('error', reject);
    process.once('exit', (code) => reject(new Error(`Chromium ended (${code}): ${said}`)));
    process.stderr.on('data', (chunk) => {
      said += chunk;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (!found) return;
      clearTimeout(late);
      resolve(found[1]);
    });
  });
}

async function connect(address) {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map();
  let id = 0;
  socket.on('message', (text) => {
    const message = JSON.parse(text);
    const call = waiting.get(message.id);
    if (!call) return;
    waiting.delete(message.id);
    if (message.error) call.reject(new Error(message.error.message));
    else call.resolve(message.result);
  });
  socket.once('close', () => waiting.forEach((call) => call.reject(new Error('Chromium closed the connection'))));
  return (method, params = {}, sessionId) => new Promise((resolve, reject) => {
    id += 1;
    waiting.set(id, { resolve, reject });
    socket.send(JSON.stringify({ id, method, params, sessionId }));
  });
}

async function open(send, url) {
  const { targetId } = await send('Target.createTarget', { url });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const evaluate = async (expression) => {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await send('Runtime.evaluate', params, sessionId);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  const close = () => send('Target.closeTarget', { targetId });
  // The page is there once its own document is loaded, and not the empty one before it.
  const loaded = `location.href === ${JSON.stringify(url)} && document.readyState === 'complete'`;
  for (let tries = 0; !(await evaluate(loaded)); tries += 1) {
    if (tries > 300) throw new Error(`${url} does not load`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { evaluate, close };
}
