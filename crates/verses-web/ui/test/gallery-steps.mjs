// Things to press before a picture is taken: what no address alone shows. Each names the page, the scenario, and what to do.

const mode = (label) => (page) => page.getByRole("radio", { name: label }).check({ force: true });

const press = (page, name) => page.getByRole("button", { name, exact: true }).first().click();

const LIST = "John 3:16\nGen 1:1-3; 1 Peter 5:7\nJonh 3:17\nGen 1:1-3\nHezekiah 3\nPs 119:1-700\nJohn 11:35";
async function typed(page, text) {
  await page.locator("textarea").fill(text);
  await page.locator(".entries").waitFor();
}

const ADD = [
  { name: "one", path: "add", scenario: "user", run: (page) => typed(page, "1 Peter 5:7") },
  { name: "list", path: "add", scenario: "few", run: (page) => typed(page, LIST) },
  { name: "list", path: "add", scenario: "offline", run: (page) => typed(page, "Gen 1:1\nGal 2:20") },
  { name: "archived", path: "add", scenario: "many", run: (page) => typed(page, "20Philippians 4:6-7\nJohn 3:16\nתהילים כג 1") },
  { name: "thousand", path: "add", scenario: "many", run: async (page) => {
    await typed(page, Array.from({ length: 1000 }, (_, n) => `Psalm ${n + 200}:1`).join("\n"));
    await press(page, "Show 50 more");
  } },
  { name: "mended", path: "add", scenario: "few", run: async (page) => {
    await typed(page, LIST);
    await press(page, "Use “John 3:17”");
  } },
  { name: "added", path: "add", scenario: "few", run: async (page) => {
    await typed(page, `${LIST}\nObadiah 1:99`);
    await page.locator("textarea").press("Control+Enter");
    await page.getByText("could not be added").waitFor();
    await page.locator(".entries").waitFor();
  } },
  { name: "other", path: "add", scenario: "due", run: async (page) => {
    await page.getByLabel("Translation").selectOption({ label: "Another…" });
    await page.getByLabel("Short name").fill("niv");
    await typed(page, "John 3:16");
  } },
  { name: "own", path: "add", scenario: "due", run: async (page) => {
    await page.getByRole("radio", { name: "Own words" }).check({ force: true });
    await press(page, "Add");
  } },
  { name: "packs", path: "add", scenario: "few", run: async (page) => {
    await page.getByRole("radio", { name: "Starter lists" }).check({ force: true });
    await page.getByRole("button", { name: "Comfort" }).click();
    await page.getByText("Isaiah 40:31").waitFor();
  } },
];

const SYNC = [
  { name: "removing", path: "sync", scenario: "failed", run: (page) => page.getByRole("button", { name: /^Remove John/ }).first().click() },
  { name: "words", path: "sync", scenario: "failed", run: async (page) => {
    await page.getByRole("button", { name: "Give the words" }).first().click();
    await press(page, "Save");
  } },
  { name: "tried", path: "sync", scenario: "failed", run: (page) => press(page, "Try all again") },
  { name: "results", path: "sync", scenario: "sending", run: (page) => page.getByRole("button", { name: "Each change" }).click() },
  { name: "told", path: "sync", scenario: "partial", run: () => undefined },
  { name: "told", path: "sync", scenario: "paused", run: () => undefined },
  { name: "told", path: "sync", scenario: "upgrade", run: () => undefined },
  { name: "kept", path: "sync", scenario: "user", run: (page) => press(page, "Keep my data") },
];

const SETTINGS = [
  { name: "refused", path: "settings", scenario: "guest", run: async (page) => {
    await page.getByLabel("E-mail address").fill("ruth@example.org");
    await page.getByLabel("Password").first().fill("short");
    await press(page, "Make an account");
    await page.getByText("must have at least").waitFor();
  } },
  { name: "signedin", path: "settings", scenario: "guest", run: async (page) => {
    await page.getByLabel("E-mail address").fill("ruth.with.a.very.long.name.indeed@a-very-long-host-name.example.org");
    await page.getByLabel("Password").first().fill("a good one");
    await press(page, "Make an account");
    await page.getByText("now in your account").waitFor();
  } },
  { name: "wrong", path: "settings", scenario: "ended", run: async (page) => {
    await page.getByLabel("Password").first().fill("wrong");
    await press(page, "Sign in");
    await page.getByText("is wrong").waitFor();
  } },
  { name: "signout", path: "settings", scenario: "waiting", run: async (page) => {
    await press(page, "Sign out");
    await page.getByRole("radio", { name: "Remove them" }).check();
  } },
  { name: "fetched", path: "settings", scenario: "user", run: async (page) => {
    await page.getByRole("button", { name: "Fetch the rest" }).click();
    await page.getByText("is ready for offline use").waitFor();
  } },
  { name: "delete", path: "settings", scenario: "user", run: async (page) => {
    await press(page, "Delete account");
    await press(page, "Delete for good");
  } },
  { name: "limits", path: "settings", scenario: "user", run: async (page) => {
    await page.getByLabel("Changes in a batch").fill("0");
    await page.locator("form", { hasText: "Follow the network" }).getByRole("button", { name: "Save" }).click();
    await page.getByText("It must be").waitFor();
  } },
  { name: "imported", path: "settings", scenario: "user", run: async (page) => {
    await page.locator("input[type=file]").setInputFiles({ name: "a.json", mimeType: "application/json", buffer: Buffer.from("{}") });
    await page.getByText("Hezekiah").waitFor();
  } },
];

const LIBRARY = [
  { name: "nothing", path: "library", scenario: "due", run: async (page) => {
    await page.getByRole("searchbox").fill("Habakkuk");
    await page.getByText("Nothing found").waitFor();
  } },
  { name: "archived", path: "library", scenario: "due", run: (page) => mode("Archived")(page) },
  { name: "far", path: "library", scenario: "many", run: async (page) => {
    await page.evaluate(() => scrollTo(0, 400_000));
    await page.waitForFunction(() => document.querySelectorAll("[data-index] a").length > 8);
  } },
  { name: "pace", path: "library/verse-1", scenario: "due", run: (page) => press(page, "Change how often") },
  { name: "archive", path: "library/verse-1", scenario: "due", run: (page) => press(page, "Archive") },
  { name: "history", path: "library/verse-1", scenario: "due", run: (page) => press(page, "Show all 24") },
  { name: "tables", path: "progress", scenario: "due", run: async (page) => {
    await page.getByText("By month").click();
    await page.getByText("By week").click();
  } },
];

/** A step that fails is a fault of its view. */
export const STEPS = [
  { name: "letters", path: "today", scenario: "due", run: mode("Letters") },
  { name: "hide", path: "today", scenario: "due", run: async (page) => {
    await mode("Hide")(page);
    await page.getByRole("button", { name: "More gaps" }).click();
  } },
  { name: "type", path: "today", scenario: "due", run: async (page) => {
    await mode("Type")(page);
    await page.getByLabel("Type the passage").fill("For God so loved the world, that he gave");
    await page.getByText(/words in place/).waitFor();
  } },
  { name: "revealed", path: "today", scenario: "due", run: (page) => page.getByRole("button", { name: "Show all" }).click() },
  { name: "answered", path: "today", scenario: "due", run: async (page) => {
    await page.getByRole("button", { name: "Next word" }).click();
    await page.getByRole("button", { name: "Got it" }).click();
    await page.locator(".outcome a").waitFor();
  } },
  { name: "keys", path: "today", scenario: "due", run: (page) => page.keyboard.press("?") },
  { name: "finished", path: "today", scenario: "user", run: async (page) => {
    await page.getByRole("button", { name: "Got it" }).click();
    await page.getByText("That is all for today").waitFor();
  } },
  ...LIBRARY,
  ...ADD,
  ...SYNC,
  ...SETTINGS,
];
