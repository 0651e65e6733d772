// Runs conformance cases in a service worker, one for each message. It has one instance of the module: `import()` is not
// allowed here.
import init, { run_case } from '/store_in_browser.js';

let loaded;
let ended;
addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
for (const kind of ['error', 'unhandledrejection']) {
  addEventListener(kind, (event) => ended?.(globalThis.panicMessage ?? event.message ?? String(event.reason)));
}
addEventListener('message', (event) => {
  event.waitUntil(answer(event.data, event.ports[0]));
});

async function answer(name, port) {
  const database = `service/${name}/${Math.random()}`;
  try {
    loaded ??= init({ module_or_path: '/store_in_browser_bg.wasm' });
    await loaded;
    const panic = new Promise((_, reject) => { ended = (message) => reject(new Error(message)); });
    await Promise.race([run_case(name, database), panic]);
    port.postMessage(null);
  } catch (error) {
    port.postMessage(globalThis.panicMessage ?? error.message);
  } finally {
    indexedDB.deleteDatabase(database);
  }
}
