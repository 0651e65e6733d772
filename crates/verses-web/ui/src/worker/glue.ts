// What the script beside the engine's WebAssembly offers. It is a file of its own, which both workers load.

import { Engine, initSync } from "engine";

const offered = { Engine, initSync };

declare global {
  var versesEngine: typeof offered;
}

globalThis.versesEngine = offered;
