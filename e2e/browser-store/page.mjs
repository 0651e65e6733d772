// Runs in pages and dedicated workers: loads the module and runs cases on it.

let loads = 0;

/** A fresh instance of the module: a panic ends the one it happens in. */
export async function load() {
  loads += 1;
  const module = await import(`/store_in_browser.js?${loads}`);
  await module.default({ module_or_path: '/store_in_browser_bg.wasm' });
  return module;
}

/** Why the module ended, as soon as it does. */
function panics() {
  return new Promise((_, reject) => {
    const ended = (event) => {
      event.preventDefault?.();
      const message = globalThis.panicMessage ?? event.message ?? String(event.reason);
      delete globalThis.panicMessage;
      reject(new Error(message));
    };
    globalThis.addEventListener('error', ended, { once: true });
    globalThis.addEventListener('unhandledrejection', ended, { once: true });
  });
}

/** Runs one conformance case on a database that it makes and deletes. The message of its failure, or nothing. */
export async function runCase(name) {
  const database = `case/${name}/${Math.random()}`;
  const failed = panics();
  failed.catch(() => {});
  try {
    const module = await load();
    await Promise.race([module.run_case(name, database), failed]);
    return null;
  } catch (error) {
    return globalThis.panicMessage ?? error.message;
  } finally {
    indexedDB.deleteDatabase(database);
  }
}

/** Opens a store and keeps it for later calls. */
export async function open(name) {
  globalThis.module ??= await load();
  globalThis.store = await globalThis.module.Handle.open(name);
}
