// Starts the worker that holds the engine. Builds for screenshots put test/fake.ts in the place of this file.

export interface EnginePort {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

export function openPort(): EnginePort {
  return new Worker(__WORKER_URL__, { type: "module", name: "engine" });
}
