// Draws the PNG icons from the SVG ones. Run after changing those: `node icons/draw.mjs`.
import { readFileSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const SIZES = [["icon.svg", "icon-192.png", 192], ["icon.svg", "icon-512.png", 512], ["maskable.svg", "maskable-512.png", 512],
  ["maskable.svg", "touch-180.png", 180]];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const [source, target, size] of SIZES) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  const svg = readFileSync(new URL(source, import.meta.url), "utf8");
  await page.setContent(`<style>body{margin:0;background:none}svg{display:block;width:100vw;height:100vh}</style>${svg}`);
  writeFileSync(new URL(target, import.meta.url), await page.screenshot({ omitBackground: true }));
}
await browser.close();
