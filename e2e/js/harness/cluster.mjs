// Three nodes over one Redis, behind a proxy with its file of `deploy/`.

import assert from 'node:assert/strict';

import { Api } from './api.mjs';
import { openTo } from './configuration.mjs';
import { until } from './deadline.mjs';
import { closeAll } from './opened.mjs';
import { freePorts } from './ports.mjs';
import { haproxy, states } from './proxies.mjs';
import { Redis } from './redis.mjs';
import { Server } from './server.mjs';

const NODES = 3;

/** What nodes have beside addresses and channels: everybody may do everything. */
const OPEN = {
  client: { anonymous: true, insecure: true },
  rooms: { enabled: true },
};

/** HAProxy notices within two seconds; more, for machines that are busy with more. */
export const NOTICED = '4s';

export class Cluster {
  /**
   * Starts all of it. `namespaces` are options by name, `delay` is how long a node that leaves goes on
   * serving; `proxy` starts what is before the nodes, and `redis` has `url()` and `stop()`.
   * `sections` are more of the configuration.
   */
  static async start(namespaces, { proxy = plainHaproxy, redis, delay = NOTICED, sections = {} } = {}) {
    const cluster = new Cluster();
    cluster.nodes = [];
    try {
      cluster.redis = redis ?? (await Redis.start({ args: ['--appendonly', 'yes'] }));
      await cluster.#startNodes(namespaces, delay, sections);
      cluster.proxy = await proxy(cluster.nodes);
    } catch (error) {
      await cluster.#kill();
      throw error;
    }
    return cluster;
  }

  async #startNodes(namespaces, delay, sections) {
    const ports = await freePorts(2 * NODES);
    const starting = Array.from({ length: NODES }, (_, nth) => {
      const server = {
        listen: `127.0.0.1:${ports[2 * nth]}`,
        admin_listen: `127.0.0.1:${ports[2 * nth + 1]}`,
        shutdown_delay: delay,
        shutdown_spread: '500ms',
      };
      const args = ['--redis', this.redis.url()];
      return Server.start({ config: openTo(namespaces, { ...OPEN, ...sections, server }), args });
    });
    this.nodes = await Promise.all(starting);
    for (const node of this.nodes) node.api = new Api(node);
    const [first] = this.nodes;
    const peers = async () => (await first.api.call('info')).nodes.length;
    await until(async () => (await peers()) === NODES, 'the nodes know each other');
  }

  /** Where clients connect, without TLS. */
  ws(path) {
    return `ws://${this.proxy.plain(path)}`;
  }

  /** Waits until HAProxy sends clients to all nodes. */
  allUp() {
    const up = async () => Object.values(await states(this.proxy)).filter((state) => state.startsWith('UP'));
    return until(async () => (await up()).length === NODES, 'all nodes are up');
  }

  /** How many clients a node has. */
  async clientsOf(node) {
    const { nodes } = await node.api.call('info');
    return nodes.find(({ name }) => name === node.listen).num_clients;
  }

  /** The lines, by channel, on which nodes listen at the broker; and how many nodes do on each. */
  async lines() {
    const names = await this.redis.list('PUBSUB', 'SHARDCHANNELS', 'trunkline:*:line:*');
    if (names.length === 0) return {};
    const counts = await this.redis.list('PUBSUB', 'SHARDNUMSUB', ...names);
    const channel = (line) => line.replace(/^trunkline:\{..\}:line:/, '');
    return Object.fromEntries(names.map((_, at) => [channel(counts[2 * at]), Number(counts[2 * at + 1])]));
  }

  /** Ends all of it, and insists that no node had any trouble. */
  async stop() {
    await closeAll();
    // Nobody is left to wait for: the second signal ends the delay.
    for (const signal of ['SIGTERM', 'SIGINT']) this.nodes.forEach((node) => node.signal(signal));
    try {
      for (const node of this.nodes) {
        assert.equal(await node.ended(), 0, node.stderr);
        node.assertQuiet();
      }
    } finally {
      await this.#kill();
    }
  }

  async #kill() {
    for (const node of this.nodes) await node.kill();
    await this.proxy?.stop();
    await this.redis?.stop();
  }
}

/** HAProxy without a certificate. */
function plainHaproxy(nodes) {
  return haproxy(nodes, { secure: false });
}
