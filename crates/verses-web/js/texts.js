// Translations in pieces, a book each, as the browser fetches and keeps them. Which are needed when is decided in src/texts.rs.

const CACHE = "verses-texts-1";
const url = (translation, book) => `/texts/1/${translation.toLowerCase()}/${book}.txt`;

/** A piece that is kept, else a fetched one, which is kept if it can be; undefined without either. */
async function response(path) {
  const cache = await caches.open(CACHE).catch(() => undefined);
  const kept = await cache?.match(path);
  if (kept) return kept;
  const fetched = await fetch(path, { credentials: "omit" }).catch(() => undefined);
  if (!fetched?.ok) return undefined;
  // A device without room for it has the text for now all the same.
  await cache?.put(path, fetched.clone()).catch(() => undefined);
  return fetched;
}

export async function piece(translation, book) {
  return (await response(url(translation, book)))?.text().catch(() => undefined);
}

/** Whether the piece is kept now. */
export async function keep(translation, book) {
  if (!(await response(url(translation, book)))) return false;
  const cache = await caches.open(CACHE).catch(() => undefined);
  return (await cache?.match(url(translation, book))) !== undefined;
}

/** How many pieces are kept, and how many bytes the whole translation has, 0 if that is not known. */
export async function kept(translation) {
  const cache = await caches.open(CACHE).catch(() => undefined);
  const prefix = url(translation, "").slice(0, -".txt".length);
  const keys = (await cache?.keys()) ?? [];
  const pieces = keys.filter((key) => new URL(key.url).pathname.startsWith(prefix)).length;
  const index = await response("/texts/1/index.json").then((answer) => answer?.json()).catch(() => undefined);
  const info = index?.translations?.find((known) => known.name === translation);
  const bytes = info?.bytes?.reduce((sum, size) => sum + size, 0) ?? 0;
  return Float64Array.of(pieces, bytes);
}
