// The way to the worker that holds the engine. Builds for screenshots put test/fake.ts in the place of this file.

export interface EnginePort {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

export function openPort(): EnginePort {
  const worker: EnginePort = globalThis.versesWorker ?? new Worker(__WORKER_URL__, { name: "engine" });
  const post = worker.postMessage.bind(worker);
  worker.postMessage = (message: unknown) => {
    if (!isPersist(message)) return post(message);
    // Only a page may ask for this; what came of it, the worker tells.
    const asked = navigator.storage?.persist?.() ?? Promise.resolve(false);
    asked.catch(() => false).then(() => post({ ...message, call: "storage" }));
  };
  return worker;
}

function isPersist(message: unknown): message is { call: "persist" } {
  return typeof message === "object" && message !== null && "call" in message && message.call === "persist";
}
