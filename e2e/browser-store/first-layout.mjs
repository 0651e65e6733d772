// A database as the first layout made it. Written down here and never changed, whatever the release does today.

const INDEXES = [
  ['verses', 'by_creation', ['owner', 'created', 'id'], false],
  ['verses', 'unverified', ['owner', 'unverified', 'id'], false],
  ['verse_cards', 'due', ['owner', 'due', 'id'], false],
  ['verse_cards', 'by_phase', ['owner', 'phase', 'id'], false],
  ['card_events', 'by_operation', ['owner', 'id'], true],
  ['card_events', 'unsent', ['owner', 'unsent', 'id'], false],
  ['card_events', 'reviews', ['owner', 'review', 'id'], false],
  ['sync_queue', 'by_id', 'id', true],
  ['sync_queue', 'by_status', ['owner', 'status', 'position'], false],
  ['sync_queue', 'by_entity', ['owner', 'entity', 'position'], false],
];

const KEYS = {
  state: null, user_profiles: null, meta: null, verses: ['owner', 'id'], verse_cards: ['owner', 'id'],
  card_events: ['owner', 'verse', 'at', 'id'], sync_queue: 'position', sync_journal: 'position',
};

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** Makes one with a full queue, and leaves the connection open. `row(n, position)` is the module's. */
export async function create(name, rows, row) {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => {
    const database = opening.result;
    for (const [store, keyPath] of Object.entries(KEYS)) database.createObjectStore(store, keyPath ? { keyPath } : {});
    for (const [store, index, path, unique] of INDEXES) {
      opening.transaction.objectStore(store).createIndex(index, path, { unique });
    }
  };
  const database = await done(opening);
  const transaction = database.transaction(['sync_queue', 'state'], 'readwrite');
  const queue = transaction.objectStore('sync_queue');
  for (let n = 0; n < rows; n += 1) {
    const position = n * 2 + 1;
    const [id, owner, entity, body, version, data] = row(n, position);
    queue.put({ id, owner, entity, body, version, data, position, status: 0 });
  }
  const state = { revision: rows, last_position: rows * 2, last_entry: 0 };
  transaction.objectStore('state').put(JSON.stringify(state), 'state');
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  return database;
}
