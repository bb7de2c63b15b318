// An example of `examples/`, started by its one command, on free ports and with data of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';

import { BINARY, ROOT } from './binary.mjs';
import { scratch } from './configuration.mjs';
import { until, within } from './deadline.mjs';
import { remember } from './opened.mjs';
import { freePorts } from './ports.mjs';
import { column } from './proxies.mjs';

/** How long an example may take to start, in ms: three nodes, a Redis and a proxy. */
const START_MS = 60_000;

/** How long it may take to end. In ms. */
const END_MS = 30_000;

export class Example {
  #child;
  #ended;
  #env;

  /** Starts the example of this name. `args` and `env` are the command's; its data outlives restarts. */
  static async start(name, { args = [], env = {} } = {}) {
    const example = new this();
    const { folder, remove } = await scratch();
    Object.assign(example, { name, args, folder, remove });
    example.#env = env;
    [example.nodePort, example.adminPort, example.pagePort, example.apiPort, example.hooksPort] = await freePorts(5);
    await example.run();
    return example;
  }

  /** What the command and those beside it find in their environment. */
  get env() {
    const { nodePort, adminPort, pagePort, apiPort, hooksPort, folder } = this;
    return {
      ...process.env,
      TRUNKLINE_BIN: BINARY,
      NODE_PORT: nodePort,
      ADMIN_PORT: adminPort,
      PAGE_PORT: pagePort,
      API_PORT: apiPort,
      HOOKS_PORT: hooksPort,
      DATA_DIR: folder,
      ...this.#env,
    };
  }

  /** Starts it, at first or again, and waits until it invites to its page. */
  async run() {
    this.said = '';
    const child = spawn(this.command('run'), this.args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.on('close', resolve));
    remember(() => child.kill());
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (this.said += text));
    }
    const invited = () => {
      if (child.exitCode !== null) throw new Error(`the example has ended (${child.exitCode}): ${this.said}`);
      return / open (http:\S+)/.exec(this.said)?.[1];
    };
    this.address = await until(invited, 'an invitation', START_MS).catch((error) => {
      child.kill();
      throw new Error(`${error.message}; ${this.said}`);
    });
    const up = (url) => fetch(url).then((response) => response.ok, () => false);
    await until(() => up(this.address), 'the page');
    // Two nodes with nothing before them have no port that was asked for.
    if (!this.args.join(' ').endsWith('2')) {
      await until(() => up(`http://127.0.0.1:${this.adminPort}/ready`), 'the node');
    }
  }

  /** A program of this example. */
  command(name) {
    return path.join(ROOT, 'examples', this.name, name);
  }

  /** Ends it as ^C does. Nothing it has started is left. */
  async stop() {
    if (this.#child.exitCode === null) this.#child.kill();
    assert.equal(await within(this.#ended, 'end of the example', END_MS), 0, this.said);
    await until(() => this.processes().every((pid) => !runs(pid)), 'nothing it started is left');
  }

  /** The processes that it said it has started. */
  processes() {
    return [...this.said.matchAll(/is process (\d+)/g)].map(([, pid]) => Number(pid));
  }

  /** Where the nodes are, in order: `host:port`. They come back where they were. */
  nodes() {
    const found = [...this.said.matchAll(/node (\d) is process \d+, at ([\d.]+:\d+)/g)];
    const places = [];
    for (const [, nth, address] of found) places[nth - 1] = address; // they start in any order
    return places;
  }

  /** Ends a node without a warning. The example starts another one by itself. */
  killNode(name) {
    this.signal('SIGKILL', name);
  }

  /** Sends a signal to the latest process of this name: `node 2`. */
  signal(signal, name) {
    const [pid] = this.said.match(new RegExp(`(?<=${name} is process )\\d+`, 'g')).slice(-1);
    process.kill(Number(pid), signal);
  }

  /** Waits until so many nodes of this name have been started. */
  again(name, times) {
    return until(() => this.said.split(`${name} is process`).length > times, `${name} is started again`);
  }

  /** How many connections HAProxy has to one of several nodes, by its name there: `node2`. */
  async clientsOf(name) {
    return Number((await column({ ports: { status: this.adminPort } }, 'scur'))[name]);
  }
}

function runs(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
