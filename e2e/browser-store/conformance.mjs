// The conformance suite of all stores, in a page, in a dedicated worker and in a service worker.

export async function conformance(world, place, run) {
  const page = await world.page();
  const names = await page.evaluate(async () => (await (await import('/page.mjs')).load()).case_names());
  await page.close();
  for (const name of names) {
    await run(`${place}: ${name}`, async () => {
      const page = await world.page();
      const message = await page.evaluate(RUNNERS[place], name);
      if (message !== null) throw new Error(message);
    });
  }
}

const RUNNERS = {
  page: (name) => import('/page.mjs').then(({ runCase }) => runCase(name)),
  worker: (name) => new Promise((resolve, reject) => {
    const worker = new Worker('/worker.mjs', { type: 'module' });
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data === 'ready') return worker.postMessage(name);
      worker.terminate();
      return resolve(data);
    };
  }),
  'service worker': async (name) => {
    await navigator.serviceWorker.register('/service-worker.mjs', { type: 'module' });
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    const answered = new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
    active.postMessage(name, [port2]);
    return answered;
  },
};
