// A Redis master with two replicas, and three sentinels that put one of them in its place.

import { run } from './binary.mjs';
import { file, scratch } from './configuration.mjs';
import { until } from './deadline.mjs';
import { freePorts } from './ports.mjs';
import { Program } from './program.mjs';
import { Redis } from './redis.mjs';

const SERVERS = 3;
const SENTINELS = 3;

/** What the sentinels call the master. */
const NAME = 'main';

/** Silence after which a server counts as down, in ms: more than a busy machine makes anybody wait. */
const DOWN_AFTER_MS = 2500;

/** How long a failover may take before another is begun, in ms. */
const FAILOVER_MS = 10_000;

/** How long sentinels may take to know each other: they greet every two seconds. In ms. */
const MEETING_MS = 30_000;

export class Sentinels {
  /** Starts all of it, and waits until every sentinel knows the others and both replicas. */
  static async start() {
    const all = new Sentinels();
    Object.assign(all, { servers: [], sentinels: [], place: await scratch() });
    try {
      await all.#start();
    } catch (error) {
      await all.stop();
      throw error;
    }
    return all;
  }

  async #start() {
    const quick = ['--repl-diskless-sync-delay', '0'];
    this.servers.push(await Redis.start({ args: quick }));
    const [master] = this.servers;
    const follow = [...quick, '--replicaof', '127.0.0.1', `${master.port}`];
    while (this.servers.length < SERVERS) this.servers.push(await Redis.start({ args: follow }));
    this.ports = await freePorts(SENTINELS);
    for (const port of this.ports) {
      const lines = [
        'bind 127.0.0.1', `port ${port}`, `dir ${this.place.folder}`,
        `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${NAME} ${FAILOVER_MS}`,
      ];
      const config = await file(this.place.folder, `sentinel-${port}.conf`, lines.join('\n'));
      this.sentinels.push(await Program.start('redis-server', [config, '--sentinel'], [port]));
    }
    const known = async (port, key) => Number((await this.#about(port))[key]);
    for (const port of this.ports) {
      const met = async () =>
        (await known(port, 'num-other-sentinels')) === SENTINELS - 1 &&
        (await known(port, 'num-slaves')) === SERVERS - 1;
      await until(met, `sentinel ${port} knows everybody`, MEETING_MS);
    }
  }

  url() {
    const addresses = this.ports.map((port) => `127.0.0.1:${port}`);
    return `redis+sentinel://${addresses.join(',')}/${NAME}/0`;
  }

  /** What a sentinel knows of the master. */
  async #about(port) {
    const { stdout } = await run('redis-cli', ['-p', `${port}`, 'SENTINEL', 'MASTER', NAME]);
    const lines = stdout.split('\n');
    return Object.fromEntries(lines.flatMap((key, at) => (at % 2 ? [] : [[key, lines[at + 1]]])));
  }

  /** Kills the master, as soon as both replicas have all it has. */
  async killMaster() {
    const { port } = await this.#about(this.ports[0]);
    const master = this.servers.find((server) => server.port === Number(port));
    const others = SERVERS - 1;
    await until(async () => Number(await master.ask('WAIT', `${others}`, '1000')) === others, 'replicas have all');
    await master.kill();
  }

  async stop() {
    for (const sentinel of this.sentinels) await sentinel.stop();
    for (const server of this.servers) await server.stop();
    await this.place.remove();
  }
}
