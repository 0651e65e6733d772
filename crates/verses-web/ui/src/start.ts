// The first script of a page: starts the worker while the rest of the page is still being fetched and read. Who talks to it is
// engine/port.ts.

globalThis.versesWorker = new Worker(__WORKER_URL__, { name: "engine" });
