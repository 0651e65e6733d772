// The first script of a page, while the rest of it is still being fetched and read: shows the chosen colours, so that others
// do not flash up before, and starts the worker. Who talks to it is engine/port.ts.

import { rememberedTheme, showTheme } from "./theme";

globalThis.versesWorker = new Worker(__WORKER_URL__, { name: "engine" });
showTheme(rememberedTheme());
