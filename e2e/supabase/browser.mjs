// Drives each pinned version of the client in Chromium, from a page of another origin than the server's.
// Usage: CHROMIUM=chromium node browser.mjs URL
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { launch } from './chromium.mjs';
import { within } from './deadline.mjs';

const VERSIONS = ['supabase-js-2-53', 'supabase-js-2-109'];

const url = process.argv[2];
if (!url) throw new Error('usage: node browser.mjs URL');

const here = (path) => readFileSync(new URL(path, import.meta.url));
const files = new Map([
  ['/flows.mjs', here('flows.mjs')],
  ['/page.mjs', here('page.mjs')],
  ...VERSIONS.map((name) => [`/${name}.js`, here(`node_modules/${name}/dist/umd/supabase.js`)]),
]);
const pages = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://page');
  if (pathname === '/') {
    response.setHeader('content-type', 'text/html');
    return response.end(`<!doctype html><title>page</title><script src="/${searchParams.get('client')}.js"></script>`);
  }
  const file = files.get(pathname);
  response.statusCode = file ? 200 : 404;
  response.setHeader('content-type', 'text/javascript');
  return response.end(file ?? '');
});
await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${pages.address().port}`;

await within(240, async () => {
  const browser = await launch(process.env.CHROMIUM ?? 'chromium');
  let passed = 0;
  try {
    for (const name of VERSIONS) {
      const page = await browser.open(`${origin}/?client=${name}`);
      const settings = `{ createClient: supabase.createClient, url: '${url}', run: 'browser-${name}' }`;
      const steps = await page.evaluate(`import('/flows.mjs').then(({ flows }) => flows(${settings}))`);
      passed += steps.length;
      console.log(`${name} in Chromium from another origin: ${steps.length} steps passed`);
      await page.close();
    }
    const page = await browser.open(`${origin}/?client=${VERSIONS[0]}`);
    const cases = await page.evaluate(`import('/page.mjs').then(({ raw }) => raw('${url}'))`);
    passed += cases.length;
    console.log(`raw answers in Chromium: ${cases.length} cases passed`);
  } finally {
    await browser.close();
  }
  console.log(`browser: ${passed} passed, 0 failed`);
});
process.exit(0);
