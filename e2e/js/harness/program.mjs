// A foreign program that listens, such as a proxy: started, waited for, and ended. It stays in the
// process group of the tests, so that an interrupted run ends it too.

import { spawn } from 'node:child_process';
import net from 'node:net';

import { until, within } from './deadline.mjs';

export class Program {
  #child;
  #ended;

  /** Starts a program and waits until somebody accepts on each of `ports`. */
  static async start(command, args, ports, { env = {}, cwd } = {}) {
    const program = new Program();
    await program.#launch(command, args, ports, { env: { ...process.env, ...env }, cwd });
    return program;
  }

  async #launch(command, args, ports, options) {
    this.output = '';
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (this.output += text));
    }
    let over;
    this.#ended = new Promise((resolve) => {
      child.on('error', (error) => resolve((over = String(error))));
      child.on('close', (code, signal) => resolve((over = `${code ?? signal}`)));
    });
    try {
      for (const port of ports) {
        await until(() => {
          if (over) throw new Error(`${command} ended before it listened (${over}): ${this.output}`);
          return accepts(port);
        }, `${command} listens on ${port}`);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get pid() {
    return this.#child.pid;
  }

  /** Ends it without a warning. */
  async kill() {
    this.#child.kill('SIGKILL');
    await within(this.#ended, `end of ${this.#child.spawnfile}`);
  }

  /** Ends it, by force if it does not end by itself. */
  async stop() {
    this.#child.kill('SIGTERM');
    try {
      await within(this.#ended, `end of ${this.#child.spawnfile}`);
    } finally {
      this.#child.kill('SIGKILL');
    }
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
