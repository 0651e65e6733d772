// Uses the app with keys, fingers and the back button, on the test double, and checks what must come of it.
//
//     node test/behaviour.mjs [--only TEXT]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { serve } from "./serve.mjs";
import { browserPath } from "./browser.mjs";

const { values: options } = parseArgs({ options: { only: { type: "string", default: "" } } });
const HERE = dirname(fileURLToPath(import.meta.url));
const built = mkdtempSync(join(tmpdir(), "verses-behaviour-"));
execFileSync(process.execPath, [join(HERE, "../build.mjs"), "--fake", "--out", built], { stdio: ["ignore", "ignore", "inherit"] });
const server = await serve(built);
const browser = await chromium.launch({
  executablePath: browserPath(),
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
});

const DESKTOP = { viewport: { width: 1280, height: 800 }, locale: "en-GB", timezoneId: "UTC" };
const PHONE = { ...DESKTOP, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

const heading = (page) => page.getByRole("heading", { level: 1 });
const passage = (page) => page.locator(".passage h2");
const outcome = (page) => page.locator(".outcome a");
const focused = (page) => page.evaluate(() => document.activeElement?.textContent ?? "");
const until = (page, condition, argument) => page.waitForFunction(condition, argument);

async function dragPassage(page, by, down = 0) {
  const cdp = await page.context().newCDPSession(page);
  const box = await page.locator(".passage").boundingBox();
  const at = { x: box.x + box.width / 2, y: box.y + 40 };
  const touch = (type, points) => cdp.send("Input.dispatchTouchEvent", { type, touchPoints: points });
  await touch("touchStart", [at]);
  for (let n = 1; n <= 8; n += 1) await touch("touchMove", [{ x: at.x + (by * n) / 8, y: at.y + (down * n) / 8 }]);
  await touch("touchEnd", []);
}

const TESTS = {
  "keys reveal, answer and bring the next passage": [DESKTOP, "today?scenario=due", async (page) => {
    const first = await passage(page).textContent();
    await page.locator(".prompt").waitFor();
    await page.keyboard.press("w");
    assert.equal(await page.locator(".passage .word").count(), 1);
    await page.keyboard.press(" ");
    await page.getByRole("button", { name: "Hide again" }).waitFor();
    await page.keyboard.press("k");
    await outcome(page).waitFor();
    assert.equal(await outcome(page).textContent(), first);
    assert.notEqual(await passage(page).textContent(), first);
    await page.locator(".prompt").waitFor();
    await page.keyboard.press("1");
    await page.getByText(/: not yet/).waitFor();
    await page.getByText("5 to go").waitFor();
  }],
  "two presses at once are one answer": [DESKTOP, "today?scenario=due", async (page) => {
    await page.evaluate(() => {
      const button = document.querySelector(".got-it");
      button.click();
      button.click();
    });
    await page.getByText("6 to go").waitFor();
    await page.waitForTimeout(300);
    await page.getByText("6 to go").waitFor();
  }],
  "a double click or a key held down answers no passage that nobody has seen": [DESKTOP, "today?scenario=due", async (page) => {
    await page.locator(".got-it").dblclick();
    await page.getByText("6 to go").waitFor();
    await page.waitForTimeout(300);
    await page.getByText("6 to go").waitFor();
    await page.locator(".got-it").focus();
    for (let n = 0; n < 5; n += 1) {
      await page.keyboard.down("Enter");
      await page.waitForTimeout(100);
    }
    await page.keyboard.up("Enter");
    await page.getByText("5 to go").waitFor();
  }],
  "a page kept open overnight shows the new day": [DESKTOP, "today?scenario=user", async (page) => {
    await page.keyboard.press("2");
    await page.getByText("That is all for today").waitFor();
    await page.evaluate(() => {
      dispatchEvent(new Event("fake-night"));
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await passage(page).waitFor();
    assert.equal(await outcome(page).count(), 0);
  }],
  "the focus stays in the page after the last passage": [DESKTOP, "today?scenario=user", async (page) => {
    await page.locator(".got-it").focus();
    await page.keyboard.press("Enter");
    await page.getByText("That is all for today").waitFor();
    await until(page, () => document.activeElement?.textContent.includes("That is all for today") && document.activeElement !== document.body);
  }],
  "the first page leads to the starter lists": [DESKTOP, "today?scenario=empty", async (page) => {
    await page.getByRole("link", { name: "Choose a starter list" }).click();
    await until(page, () => document.querySelector("main input[type=radio]:checked")?.value === "packs");
  }],
  "what is typed while passages are added stays": [DESKTOP, "add?scenario=empty", async (page) => {
    await page.getByLabel("Passages to add").fill("John 3:16\nJonh 3:17");
    await page.getByRole("button", { name: "Add", exact: true }).waitFor();
    await until(page, () => !document.querySelector("main form button[type=submit]").disabled);
    await page.evaluate(() => {
      document.querySelector("main form button[type=submit]").click();
      const field = document.querySelector("main textarea");
      field.value += "\nPs 23";
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    await until(page, () => document.querySelector("main textarea").value === "Jonh 3:17\nPs 23");
  }],
  "keys that are typed into a field answer nothing": [DESKTOP, "today?scenario=due", async (page) => {
    await page.getByRole("radio", { name: "Type" }).check({ force: true });
    await page.getByLabel("Type the passage").pressSequentially("jk12 and we");
    await page.getByText("words in place").waitFor();
    await page.getByText("7 to go").waitFor();
  }],
  "the way to recall is remembered": [DESKTOP, "today?scenario=due", async (page) => {
    await page.getByRole("radio", { name: "Letters" }).check({ force: true });
    await page.reload();
    await page.locator(".gap").first().waitFor();
  }],
  "keys can be switched off": [DESKTOP, "today?scenario=due", async (page) => {
    await page.keyboard.press("?");
    await page.getByRole("switch", { name: "Use these keys" }).click();
    await page.keyboard.press("Escape");
    await page.keyboard.press("k");
    await page.waitForTimeout(200);
    await page.getByText("7 to go").waitFor();
  }],
  "a swipe to the right is got it, to the left not yet, a short or steep one nothing": [PHONE, "today?scenario=due", async (page) => {
    await dragPassage(page, 60);
    await dragPassage(page, 40, 160);
    await page.waitForTimeout(300);
    assert.equal(await outcome(page).count(), 0);
    await dragPassage(page, 180);
    await page.getByText(/: got it/).waitFor();
    await page.waitForTimeout(300);
    await dragPassage(page, -180);
    await page.getByText(/: not yet/).waitFor();
  }],
  "a swipe is an answer where motion is not welcome": [{ ...PHONE, reducedMotion: "reduce" }, "today?scenario=due", async (page) => {
    await dragPassage(page, 180);
    await page.getByText(/: got it/).waitFor();
  }],
  "after the last passage comes what is next": [DESKTOP, "today?scenario=user", async (page) => {
    await page.keyboard.press("2");
    await page.getByText("That is all for today").waitFor();
    await page.getByText(/Next: .* tomorrow/).waitFor();
  }],
  "navigation moves the focus to the heading and names the document": [DESKTOP, "today?scenario=due", async (page) => {
    await page.getByRole("link", { name: "Library" }).click();
    await until(page, () => document.title === "Library · Verses");
    assert.equal(await focused(page), "Library");
    await page.goBack();
    await until(page, () => document.title === "Today · Verses");
    assert.equal(await focused(page), "Today");
  }],
  "going back finds the list where it was": [PHONE, "library?scenario=many", async (page) => {
    await page.locator("[data-index='0'] a").waitFor();
    await page.evaluate(() => scrollTo(0, 300_000));
    await until(page, () => document.querySelectorAll("[data-index] a").length > 8);
    await page.waitForTimeout(300);
    const link = page.locator("[data-index] a").nth(20);
    const [name, before] = [await link.locator(".title").textContent(), await page.evaluate(() => scrollY)];
    await link.evaluate((it) => it.click());
    await until(page, (title) => document.querySelector("h1")?.textContent === title, name);
    await page.getByRole("button", { name: "Back" }).click();
    await until(page, (y) => Math.abs(scrollY - y) < 2, before);
  }],
  "ten thousand rows: few are in the page, each says its place": [DESKTOP, "library?scenario=many", async (page) => {
    await page.locator("[data-index='0'] a").waitFor();
    assert.ok((await page.locator("[data-index]").count()) < 80);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.locator("[data-index='9599'] a").waitFor();
    const item = page.locator("[data-index='9599']");
    assert.equal(await item.getAttribute("aria-posinset"), "9600");
    assert.equal(await item.getAttribute("aria-setsize"), "9600");
  }],
  "arrow keys walk the list": [DESKTOP, "library?scenario=many", async (page) => {
    await page.locator("[data-index='0'] a").focus();
    for (let n = 0; n < 40; n += 1) await page.keyboard.press("ArrowDown");
    await until(page, () => document.activeElement?.closest("[data-index]")?.dataset.index === "40");
  }],
  "searching narrows the list, and the search can be cleared": [DESKTOP, "library?scenario=due", async (page) => {
    await page.getByRole("searchbox").fill("shepherd");
    await page.getByText("2 passages").waitFor();
    await page.getByRole("searchbox").fill("nothing has this");
    await page.getByRole("button", { name: "Show all passages" }).click();
    await page.getByText("21 passages").waitFor();
    assert.equal(await page.getByRole("searchbox").inputValue(), "");
  }],
  "a passage is archived and restored after a question, and the focus comes back": [DESKTOP, "library/verse-1?scenario=due", async (page) => {
    await page.getByRole("button", { name: "Archive" }).click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await until(page, () => document.activeElement?.textContent === "Archive");
    await page.getByRole("button", { name: "Archive" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Archive" }).click();
    await page.getByText("Archived. It comes no more.").waitFor();
    await page.getByRole("button", { name: "Restore" }).waitFor();
  }],
  "another pace begins anew": [DESKTOP, "library/verse-1?scenario=due", async (page) => {
    await page.getByRole("button", { name: "Change how often" }).click();
    await page.getByRole("radio", { name: /^Weekly/ }).check();
    await page.getByRole("dialog").getByRole("button", { name: "Set" }).click();
    await page.getByText("0 of 4 reviews").waitFor();
  }],
  "an answer that cannot be saved is said, and can be given again": [DESKTOP, "library?scenario=error", async (page) => {
    await page.getByRole("button", { name: "Try again" }).waitFor();
    await page.getByText("What you have saved is safe on this device.").waitFor();
  }],
  "the skip link leads to the page": [DESKTOP, "library?scenario=due", async (page) => {
    await heading(page).waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "Skip to the page");
    await page.keyboard.press("Enter");
    await until(page, () => document.activeElement?.id === "main");
  }],
  "index.html shows the frame without scripts": [{ ...PHONE, javaScriptEnabled: false }, "today", async (page) => {
    await page.locator(".noscript").waitFor();
    await page.getByRole("link", { name: "Library" }).waitFor();
    await page.getByText("Memorise Bible passages").waitFor();
  }],
};

let passed = 0;
let failed = 0;
for (const [name, [settings, path, run]] of Object.entries(TESTS).filter(([it]) => it.includes(options.only))) {
  const context = await browser.newContext({ ...settings, serviceWorkers: "block" });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  try {
    await page.goto(`${server.address}/${path}`);
    if (settings.javaScriptEnabled !== false) await until(page, () => !document.querySelector(".opening, [aria-busy=true]"));
    await run(page);
    assert.deepEqual(faults, []);
    passed += 1;
  } catch (error) {
    failed += 1;
    process.stdout.write(`${name}: ${error.message}\n`);
  }
  await context.close();
}
await browser.close();
server.stop();
rmSync(built, { recursive: true, force: true });
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
