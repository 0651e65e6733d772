// Typed calls to the engine in the worker, and what it tells unasked. Nothing here knows what a call means.

import type { CallName, Calls, EngineError, EngineEvent } from "./api";
import { openPort } from "./port";

/** A refusal of the engine, as an exception. */
export class CallError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(error: EngineError) {
    super(error.message);
    this.name = "CallError";
    this.code = error.code;
    this.retryable = error.retryable;
  }
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: CallError): void;
}

type Message = { id: number; ok: unknown } | { id: number; error: EngineError } | EngineEvent;

const waiting = new Map<number, Waiting>();
const listeners = new Set<(event: EngineEvent) => void>();
let lastId = 0;
let failure: EngineError | null = null;

export const port = openPort();

port.onmessage = (message: MessageEvent) => {
  const data = message.data as Message;
  if ("event" in data) {
    announce(data);
    return;
  }
  const call = waiting.get(data.id);
  if (!call) return;
  waiting.delete(data.id);
  if ("error" in data) call.reject(new CallError(data.error));
  else call.resolve(data.ok);
};

// The worker could not be loaded, or threw outside a call: nothing that waits will be answered.
port.onerror = (event: ErrorEvent) => {
  const detail = event.message ? ` (${event.message})` : "";
  failure = { code: "worker", message: `Verses could not start.${detail}`, retryable: true };
  waiting.forEach((call) => call.reject(new CallError(failure as EngineError)));
  waiting.clear();
  announce({ event: "broken", error: failure });
};

export function call<N extends CallName>(name: N, args: Calls[N][0]): Promise<Calls[N][1]> {
  if (failure) return Promise.reject(new CallError(failure));
  lastId += 1;
  const id = lastId;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
    port.postMessage({ id, call: name, args });
  });
}

/** Tells everybody who listens, as the engine would. */
export function announce(event: EngineEvent): void {
  listeners.forEach((listener) => listener(event));
}

/** Gives what stops listening. */
export function onEvent(listener: (event: EngineEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Any exception as something to show. */
export function asCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CallError({ code: "unexpected", message, retryable: true });
}
