// Builds the app into a folder: `node build.mjs --out DIR --engine DIR`, or `--fake` with the test double for the engine.
// Prints sizes as they travel (Brotli), and fails above the budget.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants } from "node:zlib";
import * as esbuild from "esbuild";
import { minify } from "terser";
import { INTERNAL_NAMES, optimise, rename } from "./build/engine.mjs";
import { toHtml } from "./build/static.mjs";

/** Brotli, in bytes: all scripts and styles of the page, and those of the first load (frame and Today). Names with other hashes
 * compress a little differently, so there is some room. */
const BUDGET_ALL = 46 * 1024;
const BUDGET_FIRST = 26 * 1024;
/** The same for all that runs: the engine, and the scripts of the page and of the workers. */
const BUDGET_CODE = 250 * 1024;

const HERE = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: join(HERE, "dist") },
    engine: { type: "string" },
    fake: { type: "boolean", default: false },
    // A Brotli form beside each file, for the server to hand out.
    compress: { type: "boolean", default: false },
    // For whoever works on it: nothing is weighed.
    dev: { type: "boolean", default: false },
  },
});

const source = (path) => join(HERE, "src", path);
const read = (path) => readFileSync(join(HERE, path));
const [, version] = /^version = "(.+)"/m.exec(read("../../../Cargo.toml").toString());
/** What is written, by address. */
const files = new Map();

const COMMON = {
  absWorkingDir: HERE,
  bundle: true,
  write: false,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  metafile: true,
  outdir: join(HERE, "dist"),
  // Not in the files, but in the hashes of their names: `smaller` has a part in what is in them.
  footer: { js: `// terser ${JSON.parse(read("node_modules/terser/package.json")).version}` },
  logLevel: "warning",
  // wasm-bindgen names a module once for each function it imports.
  logOverride: { "duplicate-object-key": "silent" },
};
const HASHED = { entryNames: "app/[name].[hash]", chunkNames: "app/[name].[hash]", assetNames: "app/[name].[hash]" };

const hash8 = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 8);

/** Puts the outputs of a build among the files, with lower-case hashes; `module`: they are modules. Gives address by entry
 * point. */
async function take(result, module = false) {
  const names = result.outputFiles.map((file) => basename(file.path)).filter((name) => /\.[A-Z2-7]{8}\.\w+$/.test(name));
  const entries = {};
  const lower = (text) => names.reduce((all, name) => all.replaceAll(name, lowerHash(name)), text);
  for (const file of result.outputFiles) files.set(addressOf(file.path), Buffer.from(await smaller(lower(file.text), module)));
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    if (output.entryPoint) entries[output.entryPoint] = addressOf(join(HERE, path));
  }
  return entries;
}

/** A script in fewer bytes than esbuild makes of it. */
async function smaller(script, module = false) {
  return options.dev ? script : (await minify(script, { module, ecma: 2022, compress: { passes: 2 } })).code;
}

const lowerHash = (name) => name.replace(/\.([A-Z2-7]{8})(\.\w+)$/, (_, hash, ending) => `.${hash.toLowerCase()}${ending}`);
const addressOf = (path) => lowerHash(path.slice(COMMON.outdir.length));

function addHashed(name, bytes) {
  const [stem, ending] = [name.slice(0, name.lastIndexOf(".")), name.slice(name.lastIndexOf("."))];
  const address = `/app/${stem}.${hash8(bytes)}${ending}`;
  files.set(address, bytes);
  return address;
}

async function style(path) {
  const result = await esbuild.build({ ...COMMON, entryPoints: [source(path)] });
  return result.outputFiles[0].text.trim();
}

/** The engine, the script beside it, and the worker of a tab. `addresses` is what the workers are told of them. */
async function buildWorker() {
  if (options.fake) return { worker: "", engine: [], addresses: {} };
  if (!options.engine) throw new Error("--engine DIR: where engine.js and engine_bg.wasm are; or --fake");
  const folder = resolve(options.engine);
  const { script, names } = await buildGlue(folder);
  const compiled = readFileSync(join(folder, "engine_bg.wasm"));
  const wasm = addHashed("engine_bg.wasm", options.dev ? compiled : rename(optimise(compiled), names));
  const addresses = { __ENGINE_WASM__: JSON.stringify(wasm), __ENGINE_SCRIPT__: JSON.stringify(script) };
  const entries = await take(await esbuild.build({
    ...COMMON,
    ...HASHED,
    entryPoints: [source("worker.ts")],
    format: "iife",
    define: { ...addresses, __FAKE__: "false" },
  }));
  return { worker: entries["src/worker.ts"], engine: [wasm, script], addresses };
}

/** The script beside the engine, and the short names it has for what is between the two. */
async function buildGlue(folder) {
  const built = await esbuild.build({
    ...COMMON,
    ...HASHED,
    entryPoints: [{ in: source("worker/glue.ts"), out: "engine" }],
    format: "iife",
    alias: { engine: join(folder, "engine.js") },
    ...(options.dev ? {} : { mangleProps: INTERNAL_NAMES, mangleQuoted: true, mangleCache: {} }),
    define: {
      // wasm-bindgen asks for these, which the workers do not have, or do not use.
      window: "undefined",
      global: "undefined",
      "Symbol.dispose": "undefined",
    },
    // Warns of old ways to call it.
    drop: ["console"],
  });
  return { script: (await take(built))["src/worker/glue.ts"], names: built.mangleCache };
}

const fakePort = {
  name: "fake-port",
  setup(build) {
    if (options.fake) build.onResolve({ filter: /^\.\/port$/ }, () => ({ path: join(HERE, "test/fake.ts") }));
  },
};

const { worker, engine, addresses } = await buildWorker();
const pagesCss = addHashed("pages.css", Buffer.from(await style("styles/pages.css")));
const page = await esbuild.build({
  ...COMMON,
  ...HASHED,
  splitting: true,
  entryPoints: [source("main.tsx")],
  plugins: [fakePort],
  define: {
    __WORKER_URL__: JSON.stringify(worker),
    __PAGES_CSS__: JSON.stringify(pagesCss),
    __VERSION__: JSON.stringify(version),
    __FAKE__: String(options.fake),
  },
});
const main = (await take(page, true))["src/main.tsx"];

/** A script and all it imports before it runs. */
function withImports(address, found = new Set()) {
  if (found.has(address)) return found;
  found.add(address);
  const [, output] = Object.entries(page.metafile.outputs).find(([path]) => addressOf(join(HERE, path)) === address);
  for (const it of output.imports) if (it.kind === "import-statement") withImports(addressOf(join(HERE, it.path)), found);
  return found;
}

const firstScripts = [...withImports(main)];
const critical = await style("styles/main.css");
const icons = Object.fromEntries(["icon.svg", "icon-192.png", "icon-512.png", "maskable-512.png", "touch-180.png"]
  .map((name) => [name, addHashed(name, read(`icons/${name}`))]));

/** The frame as the app draws it first. */
async function staticShell() {
  const built = await esbuild.build({ ...COMMON, platform: "node", entryPoints: [source("shell/Frame.tsx")] });
  const path = join(HERE, "node_modules", `.shell-${process.pid}.mjs`);
  writeFileSync(path, built.outputFiles[0].text);
  try {
    const { StaticShell } = await import(pathToFileURL(path).href);
    return toHtml({ type: StaticShell, props: {} });
  } finally {
    rmSync(path);
  }
}

/** Runs before everything else. */
async function startScript() {
  const define = { __WORKER_URL__: JSON.stringify(worker) };
  const built = await esbuild.build({ ...COMMON, ...HASHED, entryPoints: [source("start.ts")], format: "iife", define });
  return (await take(built))["src/start.ts"];
}

const scripts = [
  ...(options.fake ? [] : [`<script async src="${await startScript()}"></script>`]),
  ...firstScripts.slice(1).map((address) => `<link rel="modulepreload" href="${address}">`),
  `<script type="module" src="${main}"></script>`,
];
const parts = {
  style: critical,
  scripts: scripts.join("\n"),
  icon: icons["icon.svg"].slice(1),
  touchIcon: icons["touch-180.png"].slice(1),
  shell: await staticShell(),
};
files.set("/index.html", Buffer.from(read("src/index.html").toString().replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name])));

const styleHash = createHash("sha256").update(critical).digest("base64");
/** As the server makes it. */
const POLICY = [
  "default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", `style-src 'self' 'sha256-${styleHash}'`,
  "img-src 'self' data: blob:", "font-src 'self'", "connect-src 'self'", "manifest-src 'self'", "worker-src 'self'",
  "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
].join("; ");

files.set("/manifest.webmanifest", Buffer.from(JSON.stringify({
  id: "/",
  name: "Verses",
  short_name: "Verses",
  description: "Memorise Bible passages on any network, or none.",
  start_url: "/today",
  scope: "/",
  display: "standalone",
  background_color: "#f6f2e9",
  theme_color: "#f6f2e9",
  categories: ["education", "lifestyle"],
  icons: [
    { src: icons["icon.svg"], sizes: "any", type: "image/svg+xml" },
    { src: icons["icon-192.png"], sizes: "192x192", type: "image/png" },
    { src: icons["icon-512.png"], sizes: "512x512", type: "image/png" },
    { src: icons["maskable-512.png"], sizes: "512x512", type: "image/png", purpose: "maskable" },
  ],
  shortcuts: [
    { name: "Review today's passages", url: "/today" },
    { name: "Add a passage", url: "/add" },
  ],
})));

if (!options.fake) {
  const precache = ["/", ...[...files.keys()].filter((it) => it !== "/index.html")];
  const build = hash8(Buffer.concat([...files].sort().flatMap(([name, bytes]) => [Buffer.from(name), bytes])));
  const sw = await esbuild.build({
    ...COMMON,
    entryPoints: [source("sw.ts")],
    format: "iife",
    define: {
      ...addresses,
      __PRECACHE__: JSON.stringify(precache),
      __BUILD__: JSON.stringify(build),
      __FAKE__: "false",
    },
  });
  files.set("/sw.js", Buffer.from(await smaller(sw.outputFiles[0].text)));
}

rmSync(options.out, { recursive: true, force: true });
for (const [address, bytes] of files) {
  const path = join(options.out, address);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}
/** For whoever serves the files: the policy they are made for. */
writeFileSync(join(options.out, "csp.txt"), `${POLICY}\n`);

const QUALITY = options.dev ? 1 : 11;
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY } });
const compressed = new Map([...files].map(([address, bytes]) => [address, brotli(bytes)]));
const sizes = new Map([...compressed].map(([address, bytes]) => [address, bytes.length]));
if (options.compress) {
  for (const [address, bytes] of compressed) if (!address.endsWith(".png")) writeFileSync(join(options.out, `${address}.br`), bytes);
}
const sum = (addresses) => addresses.reduce((all, it) => all + sizes.get(it), 0);
const kb = (bytes) => `${(bytes / 1024).toFixed(1).padStart(7)} KB`;
const show = (text, bytes) => process.stdout.write(`${kb(bytes)}  ${text}\n`);

for (const [address, size] of [...sizes].sort()) show(address, size);
const code = [...files.keys()].filter((it) => /\.(js|wasm)$/.test(it));
const ofPage = code.filter((it) => ![worker, "/sw.js", ...engine].includes(it));
const first = sum(["/index.html", ...firstScripts]);
const all = sum([...ofPage, pagesCss]) + brotli(Buffer.from(critical)).length;
const allCode = sum(code);
process.stdout.write("\n");
show(`first load: index.html with its styles, and ${firstScripts.length} script(s); at most ${BUDGET_FIRST / 1024} KB`, first);
show(`all scripts and styles of the page; at most ${BUDGET_ALL / 1024} KB`, all);
if (!options.fake) show(`all code: the engine, and all scripts; at most ${BUDGET_CODE / 1024} KB`, allCode);
if (!options.fake && !options.dev && (first > BUDGET_FIRST || all > BUDGET_ALL || allCode > BUDGET_CODE)) {
  process.stderr.write("over the budget\n");
  process.exitCode = 1;
}
