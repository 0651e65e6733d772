// The engine for the worker of a tab and for the service worker: the script they share is fetched once.

import type * as glue from "./glue";

declare const versesEngine: typeof glue;

importScripts(__ENGINE_SCRIPT__);

export const { Engine, init } = versesEngine;
export type Engine = glue.Engine;
