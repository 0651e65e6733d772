// What is measured inside of a page. The functions run there.

/** Runs before the app: when something is first to be seen, how much moves, and how long the page is busy. */
export function watchLoading() {
  const seen = { shifts: 0, longTasks: [], largest: 0 };
  globalThis.loading = seen;
  const observe = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  observe('layout-shift', (entry) => {
    if (!entry.hadRecentInput) seen.shifts += entry.value;
  });
  observe('longtask', (entry) => seen.longTasks.push({ at: entry.startTime, ms: entry.duration }));
  observe('largest-contentful-paint', (entry) => {
    seen.largest = entry.startTime;
  });
  observe('paint', (entry) => {
    if (entry.name === 'first-contentful-paint') seen.firstPaint = entry.startTime;
  });
  const note = (name, isThere) => {
    if (seen[name] === undefined && isThere) seen[name] = performance.now();
  };
  const look = () => {
    note('heading', document.querySelector('main h1'));
    note('interactive', document.querySelector('main h1') && !document.querySelector('.opening'));
    note('due', document.querySelector('article.passage h2'));
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}

/** Times from a click on the link of a page until something is there and drawn. */
export const navigationTime = (page, link, selector) => page.evaluate(([name, wanted]) => new Promise((resolve) => {
  const anchor = [...document.querySelectorAll('nav.tabs a')].find((it) => it.textContent.startsWith(name));
  const started = performance.now();
  const look = () => {
    if (document.querySelector(wanted)) requestAnimationFrame(() => resolve(performance.now() - started));
    else requestAnimationFrame(look);
  };
  anchor.click();
  look();
}), [link, selector]);

/** Scrolls by so many pixels a frame; gives the gaps between frames and the long tasks. */
export const scrolling = (page, total, step) => page.evaluate(([all, each]) => new Promise((resolve) => {
  const longTasks = [];
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => longTasks.push(entry.duration)));
  observer.observe({ type: 'longtask' });
  const gaps = [];
  let last = performance.now();
  let done = 0;
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    if (done >= all) {
      observer.disconnect();
      return resolve({ gaps: gaps.slice(1), longTasks });
    }
    done += each;
    scrollBy(0, each);
    return requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}), [total, step]);

export const quantile = (values, part) => {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
};

export const ms = (time) => `${Math.round(time)} ms`;

export const sum = (values) => values.reduce((all, value) => all + value, 0);
