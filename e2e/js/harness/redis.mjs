// A Redis server of a test's own: on a free port and in a folder of its own, ended by its process id.

import { spawn } from 'node:child_process';

import { run } from './binary.mjs';
import { scratch } from './configuration.mjs';
import { until, within } from './deadline.mjs';
import { freePorts } from './ports.mjs';

export class Redis {
  #child;
  #ended;
  #remove;
  #args;

  /**
   * Starts a server and waits until it answers. `args` are further settings, as on its command line; without
   * `--appendonly yes` nothing is kept on disk.
   */
  static async start({ port, args = [] } = {}) {
    const redis = new Redis();
    redis.port = port ?? (await freePorts(1))[0];
    const { folder, remove } = await scratch();
    redis.folder = folder;
    redis.#remove = remove;
    redis.#args = args;
    try {
      await redis.again();
    } catch (error) {
      await redis.stop();
      throw error;
    }
    return redis;
  }

  /** Starts it where it was, with other settings if some are given, and with what it has kept. */
  async again(args = this.#args) {
    this.#args = args;
    const own = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.folder, '--save', ''];
    const socket = ['--unixsocket', `${this.folder}/socket`];
    this.#child = spawn('redis-server', [...own, ...socket, ...args], { stdio: 'ignore' });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', resolve);
    });
    this.#ended.catch(() => {}); // told to whoever waits for an answer
    const answers = async () => /PONG|NOAUTH/.test((await this.#cli(['ping'])).stdout);
    await Promise.race([until(answers, 'PONG of Redis'), this.#ended.then(() => Promise.reject(new Error('redis-server ended')))]);
  }

  /** Its address; `who` is `user:password` or `:password`. */
  url({ who = '', database = 0, tls = false } = {}) {
    const at = who ? `${who}@` : '';
    return `${tls ? 'rediss' : 'redis'}://${at}127.0.0.1:${this.port}/${database}`;
  }

  /** The answer to a command, which goes through a socket of its own: neither TLS nor port matter. */
  async ask(...command) {
    const { stdout, stderr, code } = await this.#cli(['-e', ...command]);
    if (code !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /** The elements of an answer that is a list. */
  async list(...command) {
    const text = await this.ask(...command);
    return text ? text.split('\n') : [];
  }

  #cli(args) {
    return run('redis-cli', ['-s', `${this.folder}/socket`, ...args], { env: { REDISCLI_AUTH: this.password ?? '' } });
  }

  /** Ends it at once, without a warning; what it keeps stays. */
  async kill() {
    this.#child?.kill('SIGKILL');
    await within(this.#ended?.catch(() => {}) ?? Promise.resolve(), 'end of Redis');
  }

  /** Ends it for good. */
  async stop() {
    await this.kill();
    await this.#remove();
  }
}
