// A server under test: started on free ports in a folder of its own, stopped with SIGTERM, its log
// read to the end. It may be killed and started again where it was.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';

import { API_KEY, file, scratch } from './configuration.mjs';
import { BINARY, run } from './binary.mjs';
import { within } from './deadline.mjs';

const READY = /^ready listen=(\S+) admin=(\S+)$/m;

const CONFIG = 'trunkline.toml';

/** A line that no test may leave behind, in either log format; a panic counts. What the system calls an
 * `os error` is none. */
const TROUBLE = /\bERROR\b|"level":"error"|panicked at/;

export class Server {
  #child;
  #ended;
  #options;
  #remove;

  /**
   * Starts a server and waits for its ready line.
   *
   * Without `config` it runs with `--dev`. `listen` is the client listener's address; `command`
   * may wrap the binary in another program, as socket activation does. The folder it runs in, and
   * keeps its streams in, is a new one that ends with it, or `folder`, which stays.
   */
  static async start({ folder, ...options } = {}) {
    const server = new Server();
    const place = folder ? { folder, remove: () => {} } : await scratch();
    server.folder = place.folder;
    server.#remove = place.remove;
    try {
      await server.#launch(options);
    } catch (error) {
      await server.kill();
      throw error;
    }
    return server;
  }

  /**
   * Starts a server that has ended again: in the same folder, at the same address, with the same
   * options unless others are given.
   */
  async again(options = {}) {
    await this.#launch({ ...this.#options, listen: this.listen, ...options });
  }

  /** Runs the binary as it was last started, and waits for its end: for starts that are refused. */
  startAndEnd() {
    const [program, ...rest] = this.#line({ ...this.#options, listen: '127.0.0.1:0' });
    return run(program, rest, { cwd: this.folder });
  }

  #line({ config, listen, args = [], command = [] }) {
    const mode = config
      ? ['--config', path.join(this.folder, CONFIG)]
      : ['--dev', '--admin-listen', '127.0.0.1:0', '--api-key', API_KEY];
    if (listen ?? !config) mode.push('--listen', listen ?? '127.0.0.1:0');
    return [...command, BINARY, 'serve', ...mode, ...args];
  }

  async #launch(options) {
    this.#options = options;
    if (options.config) await file(this.folder, CONFIG, options.config);
    const [program, ...rest] = this.#line(options);
    this.#run(program, rest, options.env);
    await this.#ready();
  }

  #run(program, args, env = {}) {
    this.stdout = '';
    this.stderr = '';
    const child = spawn(program, args, {
      cwd: this.folder,
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
      await this.#end();
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

  /** Asks the server to end, and insists on a clean end: exit code 0, no error in the log. */
  async end() {
    this.signal('SIGTERM');
    assert.equal(await this.ended(), 0, `exit code after SIGTERM; log:\n${this.stderr}`);
    this.assertQuiet();
  }

  /** Ends it as `end` does, for good. */
  async stop() {
    try {
      await this.end();
    } finally {
      await this.kill();
    }
  }

  /** What a crash is to it: SIGKILL. Its folder stays, and up to here nothing was amiss. */
  async crash() {
    await this.#end();
    this.assertQuiet();
  }

  /** Where a server with a configuration keeps its streams. */
  get dataDir() {
    return path.join(this.folder, 'trunkline-data');
  }

  /** Deletes the streams of a server that has ended. */
  forget() {
    return rm(this.dataDir, { recursive: true });
  }

  /** Ends the process by force and for good; for servers that failed, or are meant to die. */
  async kill() {
    await this.#end();
    await this.#remove();
  }

  async #end() {
    this.#child?.kill('SIGKILL');
    await this.#ended?.catch(() => {});
  }

  assertQuiet() {
    const trouble = this.stderr.split('\n').filter((line) => TROUBLE.test(line));
    assert.deepEqual(trouble, [], 'errors in the log of the server');
  }
}
