// The real binary as a server of its own: a database in a folder, a free port, its log in a file. And what can be asked of it
// without a browser.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const START_TIMEOUT_MS = 60_000;
const LOG_LINES = 25;
/** More than anybody asks in a run: all calls come from one address. */
const WITHOUT_END = '10000000';
const LIMITS = ['--sign-ins-per-minute', '--requests-per-minute-per-address', '--operations-per-minute'];

/** A line of the log without what is always the same. */
function short(line) {
  try {
    const { timestamp, level, fields: { message, ...rest } } = JSON.parse(line);
    return `${timestamp} ${level} ${message} ${Object.values(rest).join(' ')}`;
  } catch {
    return line;
  }
}

export class Server {
  #child;
  #log;
  url = '';

  /** `database` is a name in `folder`: a server that is started again with the same one has its data. */
  static async start({ verses, dist, folder, database = 'verses', publicUrl }) {
    const server = new Server();
    mkdirSync(folder, { recursive: true });
    server.#log = join(folder, 'server.log');
    const log = openSync(server.#log, 'a');
    const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VERSES_')));
    const from = ['--json', 'serve', '--listen', '127.0.0.1:0', '--database', `sqlite:${join(folder, `${database}.db`)}`];
    server.#child = spawn(verses, [
      ...from, '--public-url', publicUrl, ...LIMITS.flatMap((name) => [name, WITHOUT_END]), ...(dist ? ['--web-dir', dist] : []),
    ], { env: { ...environment, VERSES_HOME: join(folder, 'home') }, stdio: ['ignore', 'pipe', log] });
    closeSync(log);
    // A run that is ended leaves no server behind.
    const withUs = () => server.#child.kill('SIGKILL');
    process.once('exit', withUs);
    server.#child.once('exit', () => process.off('exit', withUs));
    server.url = await server.#firstWords();
    return server;
  }

  async #firstWords() {
    const lines = createInterface({ input: this.#child.stdout });
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the server does not start')), START_TIMEOUT_MS);
      const ended = () => reject(new Error(`the server ended at once: ${this.logEnd()}`));
      this.#child.once('exit', ended);
      this.#child.once('error', reject);
      lines.once('line', (line) => {
        clearTimeout(late);
        this.#child.off('exit', ended);
        resolve(JSON.parse(line).url);
      });
    });
  }

  logEnd() {
    return readFileSync(this.#log, 'utf8').trim().split('\n').slice(-LOG_LINES).map(short).join('\n');
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #ask(path, init = {}) {
    const answer = await fetch(this.url + path, init);
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }

  /** Everything the user ever did, as the server has it, oldest first. */
  async history({ email, password }) {
    const { access_token: token } = await this.#ask('/auth/v1/token?grant_type=password', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email, password }),
    });
    const all = [];
    let cursor = '';
    for (;;) {
      const query = cursor && `?cursor=${encodeURIComponent(cursor)}`;
      const page = await this.#ask(`/functions/v1/verse-changes${query}`, { headers: { authorization: `Bearer ${token}` } });
      all.push(...page.changes);
      if (!page.hasMore) return all;
      cursor = page.cursor;
    }
  }
}

/** Of a history: which passages were created, sorted, with those created twice twice. */
export const created = (history) => history.filter((it) => it.type === 'create_verse').map((it) => it.verse.reference).sort();

export const reviews = (history) => history.filter((it) => it.type === 'record_review');
