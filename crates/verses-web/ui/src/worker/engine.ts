// The engine for the worker of a tab and for the service worker: the script they share is fetched once.

import type { Engine as OfGlue } from "engine";

importScripts(__ENGINE_SCRIPT__);

export const { Engine } = versesEngine;
export type Engine = OfGlue;

/** Compiles the engine while it comes in. */
export async function init(coming: Response | Promise<Response>): Promise<void> {
  versesEngine.initSync({ module: await WebAssembly.compileStreaming(coming) });
}
