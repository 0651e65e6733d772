// Drives each pinned version of the client in Node. Usage: node node.mjs URL
import { createRequire } from 'node:module';
import WebSocket from 'ws';
import { within } from './deadline.mjs';
import { flows } from './flows.mjs';

const VERSIONS = ['supabase-js-2-53', 'supabase-js-2-109'];

const url = process.argv[2];
if (!url) throw new Error('usage: node node.mjs URL');
const require = createRequire(import.meta.url);
await within(240, async () => {
  let passed = 0;
  for (const name of VERSIONS) {
    const { createClient } = require(name);
    // The newer one asks for a WebSocket before Node has its own; nothing here connects it.
    const options = { realtime: { transport: WebSocket } };
    const steps = await flows({ createClient, url, run: `node-${name}`, options });
    passed += steps.length;
    console.log(`${name} in Node ${process.version}: ${steps.length} steps passed`);
  }
  console.log(`node: ${passed} passed, 0 failed`);
});
process.exit(0);
