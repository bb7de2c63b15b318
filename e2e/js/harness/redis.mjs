// A Redis server of a test's own, on a free port and in a folder of its own.

import { run } from './binary.mjs';
import { scratch } from './configuration.mjs';
import { freePorts } from './ports.mjs';
import { Program } from './program.mjs';

/** Starts one; `options` are those of its command line, as in `['--appendonly', 'yes']`. */
export async function startRedis(options = []) {
  const [port] = await freePorts(1);
  const redis = new Redis(port, await scratch(), options);
  await redis.start();
  return redis;
}

class Redis {
  #program;

  constructor(port, place, options) {
    Object.assign(this, { port, place, options, url: `redis://127.0.0.1:${port}` });
  }

  /** Starts it, at first or again: where it was, with what it has kept. */
  async start() {
    const args = ['--bind', '127.0.0.1', '--port', `${this.port}`, '--dir', this.place.folder, '--save', ''];
    this.#program = await Program.start('redis-server', [...args, ...this.options], [this.port]);
  }

  /** The answer to a command, line by line. */
  async ask(...command) {
    const { stdout, stderr } = await run('redis-cli', ['-p', `${this.port}`, ...command]);
    if (stderr) throw new Error(stderr);
    return stdout.split('\n').slice(0, -1);
  }

  /** Ends it without a warning; what it keeps stays. */
  kill() {
    return this.#program.kill();
  }

  /** Ends it for good. */
  async stop() {
    try {
      await this.#program.stop();
    } finally {
      await this.place.remove();
    }
  }
}
