// What the page itself remembers from one visit to the next. What the engine knows is not kept here.

/** Storage may be forbidden; then a choice lasts as long as the page. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // See above.
  }
}
