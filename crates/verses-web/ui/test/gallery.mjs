// Opens every page in every scenario of the test double, at three widths, light and dark, under the production policy. Saves
// a picture of each and checks: no fault of accessibility, no sideways scrolling, no moving layout, nothing in the console.
//
//     node test/gallery.mjs FOLDER [--only PATTERN] [--quick]
//
// `--only`: those whose name matches, such as '^add.*390'. `--quick`: no axe. CHROMIUM names another browser.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { STEPS } from "./gallery-steps.mjs";
import { serve } from "./serve.mjs";
import { browserPath } from "./browser.mjs";

const MAX_SHIFT = 0.02;
const WIDTHS = [{ width: 320, height: 640 }, { width: 390, height: 844 }, { width: 1280, height: 800 }];
const THEMES = ["light", "dark"];
const PAGES = ["today", "library", "library/verse-1", "progress", "add", "sync", "settings"];
const SCENARIOS = ["empty", "few", "due", "offline", "waiting", "failed", "error", "loading", "opening", "broken", "many", "guest",
  "user", "ended", "sending"];
/** How long a page may take to come to rest. */
const SETTLE_MS = 6000;
/** The scenarios without an answer never come to rest; they are looked at after this time. */
const PENDING_MS = 350;
const PENDING = new Set(["loading", "opening"]);
/** How long what a step opens may take to be drawn. */
const STEP_MS = 150;
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string", default: "" }, quick: { type: "boolean", default: false } },
});
const folder = positionals[0];
if (!folder) throw new Error("node test/gallery.mjs FOLDER");
mkdirSync(folder, { recursive: true });

const HERE = dirname(fileURLToPath(import.meta.url));
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const built = mkdtempSync(join(tmpdir(), "verses-gallery-"));
execFileSync(process.execPath, [join(HERE, "../build.mjs"), "--fake", "--out", built], { stdio: ["ignore", "ignore", "inherit"] });
const server = await serve(built);
const browser = await chromium.launch({
  executablePath: browserPath(),
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
});

/** Runs before the app: forgets what the view before remembered, and counts what moves without anybody pressing anything. */
function prepare() {
  if (location.protocol !== "about:") localStorage.clear();
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      const what = entry.sources.map((it) => it.node?.nodeName + "." + (it.node?.className ?? "")).join(", ");
      window.shifts.push({ value: entry.value, what });
    }
  }).observe({ type: "layout-shift", buffered: true });
}

async function settle(page, scenario) {
  if (PENDING.has(scenario)) return page.waitForTimeout(PENDING_MS);
  await page.waitForFunction(() => !document.querySelector(".opening, [aria-busy=true]"), undefined, { timeout: SETTLE_MS });
  return page.waitForTimeout(60);
}

/** A window of one size and theme, for many views one after the other: opening one costs more than a view. */
async function openWindow(size, theme) {
  const context = await browser.newContext({
    viewport: size,
    colorScheme: theme,
    hasTouch: size.width < 1000,
    isMobile: size.width < 1000,
    serviceWorkers: "block",
    locale: "en-GB",
    timezoneId: "UTC",
  });
  await context.addInitScript(prepare);
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) said.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => said.push(`exception: ${error.message}`));
  return { context, page, said };
}

async function runAxe(page) {
  // Put in by the debugger, which the content policy does not concern.
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async (tags) => {
    const found = await window.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    return found.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((it) => `${it.target} ${it.any[0]?.message ?? ""}`) }));
  }, AXE_TAGS);
  return violations.map((it) => `axe ${it.id}: ${it.help}: ${it.nodes.slice(0, 3).join(" | ")}`);
}

/** Opens one page and gives what is wrong with it. */
async function look(window, { name, path, scenario, step }) {
  const { page, said } = window;
  said.length = 0;
  const faults = [];
  try {
    await page.goto("about:blank");
    await page.goto(`${server.address}/${path}?scenario=${scenario}`);
    await settle(page, scenario);
    if (step) {
      await step.run(page);
      await page.waitForTimeout(STEP_MS);
    }
    const { wide, shifts } = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      shifts: window.shifts,
    }));
    if (wide > 0) faults.push(`scrolls sideways by ${wide} px`);
    const shift = shifts.reduce((sum, it) => sum + it.value, 0);
    if (shift >= MAX_SHIFT) faults.push(`layout shift ${shift.toFixed(3)}: ${shifts.map((it) => it.what).join("; ")}`);
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: scenario !== "many" });
    // What axe finds does not depend on which of the two narrow widths it is.
    if (!options.quick && page.viewportSize().width !== 390) faults.push(...(await runAxe(page)));
  } catch (error) {
    faults.push(error.message.split("\n").slice(0, 3).join(" "));
  }
  return [...faults, ...said];
}

function* all() {
  for (const size of WIDTHS) {
    for (const theme of THEMES) {
      const views = PAGES.flatMap((path) => SCENARIOS.map((scenario) => ({ path, scenario })));
      const steps = STEPS.map((step) => ({ path: step.path, scenario: step.scenario, step }));
      for (const view of [...views, ...steps]) {
        const label = [view.path.replace("/", "-"), view.scenario, view.step?.name].filter(Boolean).join(".");
        yield { ...view, size, theme, name: `${label}.${size.width}.${theme}` };
      }
    }
  }
}

let passed = 0;
let failed = 0;
const wanted = new RegExp(options.only);
const todo = [...all()].filter((it) => wanted.test(it.name));

async function work() {
  let window = null;
  for (let view = todo.shift(); view; view = todo.shift()) {
    const kind = `${view.size.width} ${view.theme}`;
    if (window?.kind !== kind) {
      await window?.context.close();
      window = { kind, ...(await openWindow(view.size, view.theme)) };
    }
    const faults = await look(window, view);
    if (faults.length === 0) passed += 1;
    else failed += 1;
    for (const fault of faults) process.stdout.write(`${view.name}: ${fault}\n`);
  }
  await window?.context.close();
}

await Promise.all([work(), work()]);
await browser.close();
server.stop();
rmSync(built, { recursive: true, force: true });
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
