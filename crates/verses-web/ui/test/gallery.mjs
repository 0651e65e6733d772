// Opens every page in every scenario of the test double, at three widths, light and dark, under the production policy. Saves
// a picture of each and checks: no fault of accessibility, no sideways scrolling, no moving layout, nothing in the console.
//
//     node test/gallery.mjs FOLDER [--only TEXT] [--quick]
//
// `--only`: those whose name contains TEXT. `--quick`: no axe. CHROMIUM names another browser.
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
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
});

/** Counts what moves without anybody having pressed anything. */
function watchShifts() {
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

/** Opens one page and gives what is wrong with it. */
async function look({ name, path, scenario, size, theme, step, axe }) {
  const faults = [];
  const context = await browser.newContext({
    viewport: size,
    colorScheme: theme,
    // Only so that axe can be put into the page; the run without it keeps the policy.
    bypassCSP: axe,
    hasTouch: size.width < 1000,
    isMobile: size.width < 1000,
    serviceWorkers: "block",
    locale: "en-GB",
    timezoneId: "UTC",
    reducedMotion: axe ? "reduce" : "no-preference",
  });
  try {
    const page = await context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
    await page.addInitScript(watchShifts);
    await page.goto(`${server.address}/${path}?scenario=${scenario}`);
    await settle(page, scenario);
    if (step) {
      await step.run(page);
      await page.waitForTimeout(150);
    }
    if (axe) {
      await page.addScriptTag({ content: axeSource });
      const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), AXE_TAGS);
      for (const it of violations) {
        faults.push(`axe ${it.id}: ${it.help}: ${it.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
      }
      return faults;
    }
    const { wide, shifts } = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      shifts: window.shifts,
    }));
    if (wide > 0) faults.push(`scrolls sideways by ${wide} px`);
    const shift = shifts.reduce((sum, it) => sum + it.value, 0);
    if (shift >= MAX_SHIFT) faults.push(`layout shift ${shift.toFixed(3)}: ${shifts.map((it) => it.what).join("; ")}`);
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: scenario !== "many" });
    return faults;
  } catch (error) {
    return [...faults, error.message.split("\n").slice(0, 3).join(" ")];
  } finally {
    await context.close();
  }
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
const todo = [...all()].filter((it) => it.name.includes(options.only));

async function work() {
  for (let view = todo.shift(); view; view = todo.shift()) {
    const faults = await look({ ...view, axe: false });
    // What axe finds does not depend on which of the two narrow widths it is.
    if (!options.quick && view.size.width !== 390) faults.push(...(await look({ ...view, axe: true })));
    if (faults.length === 0) passed += 1;
    else failed += 1;
    for (const fault of faults) process.stdout.write(`${view.name}: ${fault}\n`);
  }
}

await Promise.all([work(), work(), work()]);
await browser.close();
server.stop();
rmSync(built, { recursive: true, force: true });
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
