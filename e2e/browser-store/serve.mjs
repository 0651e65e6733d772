// Serves the page, its scripts, and the folder with the built module, on an origin of its own.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const OWN = new Set(['/page.mjs', '/worker.mjs', '/service-worker.mjs', '/first-layout.mjs']);

/** Gives the origin and `close()`. Anything without an ending is the empty page. */
export async function serve(folder) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://page');
    const ending = extname(pathname);
    response.setHeader('content-type', TYPES[ending] ?? 'text/html');
    if (ending === '') return response.end('<!doctype html><title>store</title>');
    try {
      const path = OWN.has(pathname) ? new URL(`.${pathname}`, import.meta.url) : join(folder, pathname.slice(1));
      return response.end(readFileSync(path));
    } catch {
      response.statusCode = 404;
      return response.end('');
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
