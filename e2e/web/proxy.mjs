// A proxy between the browser and the server: keeps a record of what passes, answers in the server's place, holds answers
// back, and can be gone. Its address stays the same while servers behind it come and go.
import { createServer, request as send } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { sleep } from './wait.mjs';

const BATCHES = '/functions/v1/verse-operations';
/** What is the server's own interface; everything else are files. */
const INTERFACE = /^\/(functions|auth)\//;

/** Bytes that a slow line sends at once. */
const PIECE = 1_400;

const readAll = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

function asJson(bytes, encoding) {
  try {
    return JSON.parse(encoding === 'gzip' ? gunzipSync(bytes) : bytes);
  } catch {
    return undefined;
  }
}

export class Proxy {
  /** Every request, oldest first: {method, path, body, status}. `status` stays 0 while nothing came back. */
  requests = [];
  /** Address of the server, `http://127.0.0.1:PORT`. */
  target = '';
  /** (record) => {status, headers, body} answers in the server's place; undefined lets it pass. May be a promise. */
  rule = () => undefined;
  /** (record) => promise: the answer is held back until then; undefined: it is not. */
  hold = () => undefined;
  /** Path => {from, text}: the file `from` of the server, changed by `text`. */
  rewritten = new Map();
  /** {bytesPerSecond, latencyMs}: all connections together are as slow as that; null: they are not. */
  slowness = null;
  #free = 0;
  #sockets = new Set();
  #port = 0;
  #server;

  static async start() {
    const proxy = new Proxy();
    await proxy.accept();
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Is there (again). */
  async accept() {
    this.#server = createServer((request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = this.#server.address().port;
  }

  /** Is gone: connections are cut, and new ones refused. */
  async refuse() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Requests of the server's interface get this status, files pass. */
  fail(status, headers = {}) {
    this.rule = ({ path }) => (INTERFACE.test(path)
      ? { status, headers: { 'content-type': 'application/json', ...headers }, body: '{"code":"busy","message":"busy"}' }
      : undefined);
  }

  pass() {
    this.rule = () => undefined;
    this.hold = () => undefined;
  }

  /** Batches that were sent, and of each its operations. */
  batches() {
    return this.requests.filter((it) => it.method === 'POST' && it.path === BATCHES && it.body?.operation === 'batch');
  }

  /** All that was sent to change something. */
  writes() {
    return this.requests.filter((it) => it.method === 'POST' && it.path === BATCHES && it.body?.operation !== 'lookup');
  }

  async #pass(request, response) {
    const bytes = await readAll(request);
    const [path] = request.url.split('?');
    const record = { method: request.method, path, body: asJson(bytes, request.headers['content-encoding']), status: 0 };
    this.requests.push(record);
    const own = await this.rule(record);
    if (own) {
      record.status = own.status;
      response.writeHead(own.status, own.headers);
      response.end(own.body);
      return;
    }
    const rewrite = this.rewritten.get(path);
    const headers = { ...request.headers };
    if (rewrite) {
      for (const name of ['accept-encoding', 'if-none-match', 'if-modified-since']) delete headers[name];
    }
    const upstream = send(this.target + (rewrite ? rewrite.from : request.url), { method: request.method, headers, agent: false });
    response.on('close', () => upstream.destroy());
    const answer = await new Promise((resolve, reject) => {
      upstream.once('response', resolve);
      upstream.once('error', reject);
      upstream.end(bytes);
    });
    record.status = answer.statusCode;
    // A cut connection ends the answer; that is no fault of the proxy.
    answer.on('error', () => response.destroy());
    await this.hold(record);
    if (response.destroyed) return;
    if (rewrite) {
      const text = Buffer.from(rewrite.text((await readAll(answer)).toString()));
      response.writeHead(answer.statusCode, { ...answer.headers, 'content-length': text.length, etag: `"${text.length}-again"` });
      response.end(text);
      return;
    }
    if (this.slowness) await sleep(this.slowness.latencyMs);
    response.writeHead(answer.statusCode, answer.headers);
    // Events go out as they come.
    response.flushHeaders();
    for await (const chunk of answer) {
      for (let from = 0; from < chunk.length; from += PIECE) {
        const piece = chunk.subarray(from, from + PIECE);
        await this.#turn(piece.length);
        response.write(piece);
      }
    }
    response.end();
  }

  /** Waits until the line is free for so many bytes. */
  async #turn(bytes) {
    if (!this.slowness) return;
    const now = performance.now();
    const begins = Math.max(now, this.#free);
    this.#free = begins + (bytes / this.slowness.bytesPerSecond) * 1_000;
    await sleep(this.#free - now);
  }

  async stop() {
    if (this.#server.listening) await this.refuse();
  }
}
