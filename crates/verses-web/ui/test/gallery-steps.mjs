// Things to press before a picture is taken: what no address alone shows. Each names the page, the scenario, and what to do.

const mode = (label) => (page) => page.getByRole("radio", { name: label }).check({ force: true });

/** A step that fails is a fault of its view. */
export const STEPS = [
  { name: "letters", path: "today", scenario: "due", run: mode("Letters") },
  { name: "hide", path: "today", scenario: "due", run: async (page) => {
    await mode("Hide")(page);
    await page.getByRole("button", { name: "Hide more" }).click();
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
];
