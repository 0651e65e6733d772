// Figures, with limits that are wide enough for a busy machine.
import { check, same } from './world.mjs';

/** Times calls of the page's store, and the longest time in which the page could do nothing else. */
const timed = async ([method, calls]) => {
  const { port1, port2 } = new MessageChannel();
  let stopped = false;
  let longest = 0;
  let last = performance.now();
  port1.onmessage = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!stopped) port2.postMessage(0);
  };
  port2.postMessage(0);
  const times = [];
  let answer;
  for (const parameters of calls) {
    const started = performance.now();
    answer = await globalThis.store[method](...parameters);
    times.push(performance.now() - started);
  }
  stopped = true;
  return { times, answer, longest };
};

const sum = (times) => times.reduce((one, other) => one + other, 0);
const median = (times) => [...times].sort((one, other) => one - other)[Math.floor(times.length / 2)];
const ms = (time) => `${time.toFixed(1)} ms`;
const chunks = (all, size, ...rest) => (
  Array.from({ length: all / size }, (_, n) => [n * size, size, ...rest])
);

export const SPEED = {
  'speed: one review': async (world) => {
    const page = await world.page(world.fresh());
    const { times } = await page.evaluate(timed, ['review', Array.from({ length: 50 }, (_, n) => [n])]);
    check(median(times) < 100, `a review takes ${ms(median(times))}`);
    return `median ${ms(median(times))}, worst ${ms(Math.max(...times))}`;
  },

  'speed: 1,000 added verses in commits of 200': async (world) => {
    const page = await world.page(world.fresh());
    const { times, longest } = await page.evaluate(timed, ['add', chunks(1_000, 200)]);
    check(longest < 1_000, `the page stands still for ${ms(longest)}`);
    return `${ms(sum(times))} in all, median ${ms(median(times))}, longest pause of the page ${ms(longest)}`;
  },

  'speed: due cards of 10,000 cards with 100,000 events': async (world) => {
    const page = await world.page(world.fresh());
    const filled = await page.evaluate(timed, ['fill_cards', chunks(10_000, 500, 10)]);
    const few = await page.evaluate(timed, ['due', Array.from({ length: 9 }, () => [1])]);
    same(few.answer, 100, 'due cards');
    const many = await page.evaluate(timed, ['due', Array.from({ length: 5 }, () => [100])]);
    same(many.answer, 10_000, 'due cards');
    const filling = `written in ${ms(sum(filled.times))} with pauses up to ${ms(filled.longest)}`;
    return `100 due: ${ms(median(few.times))}, 10,000 due: ${ms(median(many.times))}; ${filling}`;
  },

  'speed: 100,000 rows of the queue without payloads': async (world) => {
    const page = await world.page(world.fresh());
    const filled = await page.evaluate(timed, ['fill_queue', chunks(100_000, 2_000)]);
    const read = await page.evaluate(timed, ['metas', [[], [], []]]);
    same(read.answer, 100_000, 'rows');
    const filling = `written in ${ms(sum(filled.times))}`;
    return `read in ${ms(median(read.times))} with pauses up to ${ms(read.longest)}; ${filling}`;
  },
};
