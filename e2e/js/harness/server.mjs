// A server under test: started on free ports, stopped with SIGTERM, its log read to the end.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

import { API_KEY, file, scratch } from './configuration.mjs';
import { BINARY } from './binary.mjs';
import { within } from './deadline.mjs';

const READY = /^ready listen=(\S+) admin=(\S+)$/m;

/** A line that no test may leave behind, in either log format; a panic counts. */
const TROUBLE = /\bERROR\b|"level":"error"|panicked at/i;

export class Server {
  #child;
  #ended;
  #remove;

  /**
   * Starts a server and waits for its ready line.
   *
   * Without `config` it runs with `--dev`. `listen` is the client listener's address; `command`
   * may wrap the binary in another program, as socket activation does.
   */
  static async start({ config, listen, args = [], env = {}, command = [] } = {}) {
    const server = new Server();
    const { folder, remove } = await scratch();
    server.#remove = remove;
    server.folder = folder;
    const mode = config
      ? ['--config', await file(folder, 'trunkline.toml', config)]
      : ['--dev', '--admin-listen', '127.0.0.1:0', '--api-key', API_KEY];
    if (listen ?? !config) mode.push('--listen', listen ?? '127.0.0.1:0');
    const [program, ...rest] = [...command, BINARY, 'serve', ...mode, ...args];
    server.#run(program, rest, env);
    await server.#ready();
    return server;
  }

  #run(program, args, env) {
    this.stdout = '';
    this.stderr = '';
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    this.#ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(code ?? signal));
    });
    this.#ended.catch(() => {}); // told to whoever waits for the ready line or the end
  }

  async #ready() {
    const ready = new Promise((resolve) => {
      this.#child.stdout.setEncoding('utf8').on('data', (text) => {
        this.stdout += text;
        const found = READY.exec(this.stdout);
        if (found) resolve(found);
      });
    });
    const early = this.#ended.then((code) => {
      throw new Error(`the server ended before it was ready (${code}): ${this.stderr}`);
    });
    try {
      const [, listen, admin] = await within(Promise.race([ready, early]), 'ready line');
      this.listen = listen;
      this.adminListen = admin;
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  get pid() {
    return this.#child.pid;
  }

  /** The port of the client listener. */
  get port() {
    return Number(this.listen.split(':').pop());
  }

  ws(path) {
    return `ws://${this.listen}${path}`;
  }

  http(path) {
    return `http://${this.listen}${path}`;
  }

  admin(path) {
    return `http://${this.adminListen}${path}`;
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** Resolves to the exit code (or the signal's name) when the process has ended. */
  ended() {
    return within(this.#ended, 'end of the server', 40_000);
  }

  /** Asks the server to stop, and insists on a clean end: exit code 0, no error in the log. */
  async stop() {
    this.signal('SIGTERM');
    try {
      assert.equal(await this.ended(), 0, `exit code after SIGTERM; log:\n${this.stderr}`);
      this.assertQuiet();
    } finally {
      await this.kill();
    }
  }

  /** Ends the process by force; for servers that failed, or are meant to die. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.#ended.catch(() => {});
    await this.#remove();
  }

  assertQuiet() {
    const trouble = this.stderr.split('\n').filter((line) => TROUBLE.test(line));
    assert.deepEqual(trouble, [], 'errors in the log of the server');
  }
}
