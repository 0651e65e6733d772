// What build.mjs puts in place of these names.

/** The worker that start.ts has started. What it tells before somebody listens is asked for again. */
declare var versesWorker: Worker | undefined;
/** Address of the bundled worker. */
declare const __WORKER_URL__: string;
/** Address of the engine's WebAssembly; for worker.ts. */
declare const __ENGINE_WASM__: string;
/** Address of the script beside it; for worker/engine.ts. */
declare const __ENGINE_SCRIPT__: string;
/** Address of the style sheet of the pages other than Today. */
declare const __PAGES_CSS__: string;
/** Every file of this build that the app needs offline, index.html as "/"; for sw.ts. */
declare const __PRECACHE__: string[];
/** Changes with the content of any of those files; for sw.ts. */
declare const __BUILD__: string;
/** Whether the test double takes the place of the worker. */
declare const __FAKE__: boolean;
/** Version of the release. */
declare const __VERSION__: string;
