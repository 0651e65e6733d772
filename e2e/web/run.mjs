// The web app from end to end: the real server, the real app, a real Chromium. Runs every scenario in turn, each with a database
// and a profile of its own, one line per check.
//
//     node run.mjs --verses BINARY [--dist FOLDER] --out FOLDER [--only NAME]
//
// `--dist`: a built app, else the one in the binary. `--out`: for pictures and figures.json. CHROMIUM names another browser.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios.mjs';
import { within } from './wait.mjs';
import { World } from './world.mjs';

const LIMIT_MS = 60_000;
const ALL_LIMIT_MS = 1_200_000;

const { values: options } = parseArgs({
  options: {
    verses: { type: 'string' },
    dist: { type: 'string', default: '' },
    out: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
if (!options.verses || !options.out) throw new Error('usage: node run.mjs --verses BINARY [--dist FOLDER] --out FOLDER [--only NAME]');
mkdirSync(options.out, { recursive: true });
setTimeout(() => {
  console.log('the whole run takes too long');
  process.exit(1);
}, ALL_LIMIT_MS).unref();

// A build that is made meanwhile must not change what is tested.
const copied = options.dist ? mkdtempSync(join(tmpdir(), 'verses-dist-')) : '';
if (copied) cpSync(options.dist, copied, { recursive: true });

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const settings = { verses: options.verses, dist: copied, out: options.out };
const figures = {};
let passed = 0;
let failed = 0;

async function run(name, { limit = LIMIT_MS, work }) {
  const started = Date.now();
  const world = await World.start(name, settings);
  try {
    await within(limit, () => work(world));
    world.check('nothing amiss in the console', world.faults.length === 0, world.faults.slice(0, 5));
  } catch (error) {
    world.check(`goes through: ${error.message.split('\n    at ')[0]}`, false);
    console.log(error.stack.split('\n').filter((line) => line.includes('e2e/web') && !line.includes('node_modules')).join('\n'));
  }
  await world.pictures(name).catch(() => {});
  if (world.failures.length > 0) console.log(world.report());
  await world.stop().catch((error) => world.check(`ends: ${error.message}`, false));
  passed += world.passed;
  failed += world.failures.length;
  Object.assign(figures, world.figures);
  console.log(`     ${name}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

try {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (options.only === '' || name.includes(options.only)) await run(name, scenario);
  }
} finally {
  if (copied) rmSync(copied, { recursive: true, force: true });
}
if (Object.keys(figures).length > 0) {
  writeFileSync(join(options.out, 'figures.json'), `${JSON.stringify(figures, null, 2)}\n`);
  for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${value}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
