// IndexedDB for a store whose logic is elsewhere: opens a database and brings its layout up to date, opens it again when the
// browser closed it, and runs requests in transactions. It knows no rows: the layout is data, and so are requests.
//
// A request is [method, object store, index or nothing, parameters...] as IndexedDB has them; a key range is an object with
// `from` or `after`, and maybe `to`. A method with a question mark may find its row there already, which its answer says.
// Answers come back as one text, because calls between JavaScript and WebAssembly cost more than cutting a text.

/** How long others may keep a database from being opened. */
const OPEN_LIMIT_MS = 5_000;
/** Requests issued before their answers are waited for: the page stays responsive, and little time is lost. */
const REQUESTS_PER_PAUSE = 100;

/** What answers, rows and fields end with, and what stands before such a character that belongs to a field. */
const END_OF_ANSWER = "\x1d";
const END_OF_ROW = "\x1e";
const END_OF_FIELD = "\x1f";
const SPECIAL = /[\x1b-\x1f]/;
const EACH_SPECIAL = /[\x1b-\x1f]/g;
/** Added to a special character of a field, which makes it a harmless one. */
const SHIFT = 0x40;

const failure = (name, message = "") => Object.assign(new Error(message), { name });

/** Failures arrive as text: name and message. */
const told = (promise) => promise.catch((error) => {
  throw `${error.name}\n${error.message}`;
});

/** The way to a database. `migrate` is called with a transaction when rows of an older layout must be brought up to date. */
export const connect = (name, layout, migrate, heard) => new Connection(name, JSON.parse(layout), migrate, heard);
export const open = (connection) => told(connection.database());
export const close = (connection) => connection.close();
/** Tells other connections to the same database, in whatever page or worker. */
export const tell = (connection, number) => connection.channel?.postMessage(number);
/** A transaction that reads these object stores, or writes to all of them if none is named. */
export const begin = (connection, stores) => new Transaction(connection, stores);
/** Runs requests given as JSON. After the `last` ones the transaction ends, and the answer waits for the disk. */
export const ask = (transaction, requests, last) => told(transaction.ask(JSON.parse(requests), last));
/** Undoes all that was written; nothing happens to a transaction that has ended. */
export const abort = (transaction, reason) => transaction.abort(reason);

class Connection {
  constructor(name, layout, migrate, heard) {
    Object.assign(this, { name, layout, migrate });
    try {
      this.channel = new BroadcastChannel(layout.channel + name);
      this.channel.onmessage = ({ data }) => data >= 0 && heard(data);
    } catch {
      // There is none here, or not for this page: what others did is seen by reading again.
    }
  }

  close() {
    this.closed = true;
    if (this.channel) this.channel.onmessage = null;
    this.channel?.close();
    this.forget(this.opened);
  }

  /** The database, open. An opening goes on when nobody waits for it any more: it has its place in the browser's queue. */
  async database() {
    if (this.opened) return this.opened;
    this.opening ??= this.start();
    const { opening } = this;
    let timer;
    const late = new Promise((_, reject) => {
      // Bringing a large database up to date takes its time.
      const end = () => opening.upgrade ?? reject(failure(opening.blocked ? "Blocked" : "Held"));
      timer = setTimeout(end, OPEN_LIMIT_MS);
    });
    return Promise.race([opening.outcome, late]).finally(() => clearTimeout(timer));
  }

  start() {
    const opening = {};
    opening.outcome = new Promise((resolve, reject) => {
      if (!globalThis.indexedDB) throw failure("Missing");
      const request = indexedDB.open(this.name, this.layout.steps.length);
      request.onblocked = () => { opening.blocked = true; };
      request.onupgradeneeded = ({ oldVersion }) => { opening.upgrade = this.upgrade(request, oldVersion); };
      request.onsuccess = () => resolve(this.keep(request.result));
      request.onerror = () => {
        const { error } = request;
        if (error.name === "VersionError") return this.versionFound().then(reject);
        return reject(opening.upgrade?.failed() ?? error);
      };
    }).finally(() => { this.opening = undefined; });
    // Perhaps nobody waits any more.
    opening.outcome.catch(() => {});
    return opening;
  }

  upgrade({ result: database, transaction }, oldVersion) {
    const upgrade = new Transaction(this);
    upgrade.follow(transaction);
    // Whoever opens it next brings it up to date.
    if (this.closed) upgrade.abort();
    else this.bringUpToDate(upgrade, database, oldVersion);
    return upgrade;
  }

  bringUpToDate(upgrade, database, oldVersion) {
    for (const { stores, indexes } of this.layout.steps.slice(oldVersion)) {
      for (const [name, keyPath] of stores) database.createObjectStore(name, { keyPath });
      for (const [store, name, path, unique] of indexes) {
        upgrade.transaction.objectStore(store).createIndex(name, path, { unique: unique === "unique" });
      }
    }
    // A new database has no rows.
    if (oldVersion) this.migrate(upgrade);
  }

  /** Gives way to whoever needs a newer layout or deletes the database, and notices when the browser closes it. */
  keep(database) {
    database.onversionchange = database.onclose = () => this.forget(database);
    if (this.closed) database.close();
    else this.opened = database;
    return database;
  }

  forget(database) {
    database?.close();
    if (this.opened === database) this.opened = undefined;
  }

  /** A failure that names the version another release gave the database. */
  versionFound() {
    return new Promise((resolve) => {
      const request = indexedDB.open(this.name);
      // Deleted meanwhile: do not leave an empty one behind.
      request.onupgradeneeded = () => request.transaction.abort();
      request.onerror = () => resolve(request.error);
      request.onsuccess = () => {
        resolve(failure("VersionError", `${request.result.version}`));
        request.result.close();
      };
    });
  }
}

class Transaction {
  constructor(connection, stores) {
    Object.assign(this, { connection, stores });
  }

  /** On a new connection if the browser or another page closed the one there was. */
  async begin() {
    for (let again = false; ; again = true) {
      const database = await this.connection.database();
      // Nobody wants it any more.
      if (this.dropped) throw failure("AbortError");
      try {
        const [stores, mode] = this.stores ? [this.stores.split(","), "readonly"] : [database.objectStoreNames, "readwrite"];
        return this.follow(database.transaction(stores, mode, { durability: "strict" }));
      } catch (error) {
        if (again || error.name !== "InvalidStateError") throw error;
        this.connection.forget(database);
      }
    }
  }

  follow(transaction) {
    this.transaction = transaction;
    this.ended = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(this.failed() ?? failure("AbortError"));
    });
    this.ended.catch(() => {});
  }

  /** Why it failed: what failed first knows better than the call that finds it ended. */
  failed() {
    return this.reason ?? this.transaction?.error;
  }

  abort(reason) {
    this.dropped = true;
    if (reason) this.reason = failure("Corrupt", reason);
    try {
      this.transaction?.abort();
    } catch {
      // It has ended.
    }
  }

  async ask(requests, last) {
    if (!requests.length) return "";
    try {
      if (!this.transaction) await this.begin();
      const issued = [];
      for (const request of requests) {
        if (issued.length % REQUESTS_PER_PAUSE === REQUESTS_PER_PAUSE - 1) await this.answered(issued);
        issued.push(this.issue(request));
      }
      if (last) this.transaction.commit?.();
      await (last ? this.ended : this.answered(issued));
      return issued.map((request) => this.answer(request) + END_OF_ANSWER).join("");
    } catch (error) {
      throw this.failed() ?? error;
    }
  }

  issue([method, store, index, ...parameters]) {
    let source = this.transaction.objectStore(store);
    if (index) source = source.index(index);
    if (method === "rename") return rename(source, ...parameters);
    const [name, unsure] = method.split("?");
    if (name !== "put" && name !== "add") parameters[0] = keyOrRange(parameters[0]);
    const request = source[name](...parameters);
    request.method = name;
    if (unsure !== undefined) forgive(request);
    return request;
  }

  /** Waits for the last request, and with it for all before it. */
  answered(issued) {
    const request = issued.at(-1);
    return Promise.race([this.ended, new Promise((resolve) => {
      request.addEventListener("success", resolve);
      request.addEventListener("error", (event) => event.defaultPrevented && resolve());
    })]);
  }

  answer({ method, error, result }) {
    if (error) return "there";
    if (method === "getAll") return result.map((value) => this.row(value)).join("");
    if (method === "get") return result === undefined ? "" : this.row(result);
    if (method === "getKey") return result === undefined ? "" : JSON.stringify(result);
    if (method === "rename") return result.length;
    return method === "count" ? result : "";
  }

  /** A row's columns; a text that is no row is the first of them. */
  row(value) {
    const { columns } = this.connection.layout;
    let text = "";
    if (typeof value === "string") text = field(value);
    else for (const column of columns) text += field(value[column]);
    return text + END_OF_ROW;
  }
}

function field(value) {
  if (value === undefined || value === null) return END_OF_FIELD;
  const text = String(value);
  if (!SPECIAL.test(text)) return text + END_OF_FIELD;
  return text.replace(EACH_SPECIAL, (special) => `\x1b${String.fromCharCode(special.charCodeAt() + SHIFT)}`) + END_OF_FIELD;
}

function keyOrRange(parameter) {
  if (parameter === null) return undefined;
  if (typeof parameter !== "object" || Array.isArray(parameter)) return parameter;
  const { from, after, to } = parameter;
  const isOpen = from === undefined;
  const lower = isOpen ? after : from;
  return to === undefined ? IDBKeyRange.lowerBound(lower, isOpen) : IDBKeyRange.bound(lower, to, isOpen);
}

/** A row that is there already stays, and the request has failed without ending the transaction. */
function forgive(request) {
  request.onerror = (event) => request.error.name === "ConstraintError" && event.preventDefault();
}

/** Gives a property another value in the rows that have a certain one. A row that is in their new place already stays. */
function rename(source, range, limit, property, from, to) {
  const store = source.objectStore ?? source;
  const request = source.getAll(keyOrRange(range), limit);
  request.method = "rename";
  request.onsuccess = () => {
    for (const row of request.result.filter((row) => row[property] === from)) {
      store.delete(Array.isArray(store.keyPath) ? store.keyPath.map((part) => row[part]) : row[store.keyPath]);
      row[property] = to;
      forgive(store.add(row));
    }
  };
  return request;
}
