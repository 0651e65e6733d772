// Runs the store of the browser in Chromium: the conformance suite in a page and in workers, then what only a browser can
// do to it. Usage: CHROMIUM=chromium node run.mjs FOLDER [WORD]; FOLDER has store_in_browser.js and its .wasm, and only
// cases with WORD in their name are run if it is given. With the word `speed` it measures instead, and tests nothing else.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CASES } from './cases.mjs';
import { conformance } from './conformance.mjs';
import { CRASHES } from './crashes.mjs';
import { SPEED } from './speed.mjs';
import { World } from './world.mjs';

const LIMIT_MS = 400_000;
const ALL_LIMIT_MS = 1_800_000;

const [folder, word = ''] = process.argv.slice(2);
if (!folder) throw new Error('usage: node run.mjs FOLDER [WORD]');
setTimeout(() => {
  console.log('the whole run takes too long');
  process.exit(1);
}, ALL_LIMIT_MS).unref();

const profile = mkdtempSync(join(tmpdir(), 'verses-store-'));
const measures = word === 'speed';
const world = await World.start(folder, profile);
let passed = 0;
let failed = 0;

async function run(name, work) {
  if (!measures && !name.includes(word)) return;
  const started = performance.now();
  let late;
  const limit = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error(`not done after ${LIMIT_MS / 1_000} s`)), LIMIT_MS);
  });
  try {
    const said = await Promise.race([work(), limit]);
    passed += 1;
    console.log(`ok   ${name} (${Math.round(performance.now() - started)} ms)${said ? `: ${said}` : ''}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error.message.split('\n    at ')[0]}`);
  } finally {
    clearTimeout(late);
    await world.tidy();
  }
}

try {
  if (!measures) for (const place of ['page', 'worker', 'service worker']) await conformance(world, place, run);
  const cases = measures ? SPEED : { ...CASES, ...CRASHES };
  for (const [name, work] of Object.entries(cases)) await run(name, () => work(world));
} finally {
  await world.stop();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
