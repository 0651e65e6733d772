// Runs conformance cases in a dedicated worker, one for each message.
import { runCase } from '/page.mjs';

addEventListener('message', async ({ data }) => {
  postMessage(await runCase(data));
});
postMessage('ready');
