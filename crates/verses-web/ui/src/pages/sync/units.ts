// Bytes and times as people read them.

/** "512 bytes", "18 KB", "4.2 MB". */
export function bytes(n: number): string {
  if (n < 1000) return `${n} bytes`;
  const [size, unit] = n < 1e6 ? [n / 1e3, "KB"] : n < 1e9 ? [n / 1e6, "MB"] : [n / 1e9, "GB"];
  return `${size.toLocaleString(undefined, { maximumFractionDigits: size < 10 ? 1 : 0 })} ${unit}`;
}

/** "0.7 s", "12 s", "3 min", "2 h". */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  return minutes < 90 ? `${Math.round(minutes)} min` : `${Math.round(minutes / 60)} h`;
}

/** Rounded up to whole seconds, so that a countdown never says 0 while there is something left. */
export const wait = (ms: number): string => duration(Math.ceil(ms / 1000) * 1000);
