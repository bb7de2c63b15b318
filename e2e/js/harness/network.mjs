// A network that can break: a TCP relay between a client and the server under test.

import net from 'node:net';

import { remember } from './opened.mjs';

export class Network {
  #relay;
  #pairs = new Set();
  #up = true;

  /** A relay to `port`. */
  static async to(port) {
    const network = new Network();
    network.port = port;
    remember(() => network.close());
    network.#relay = net.createServer((near) => network.#join(near));
    await new Promise((resolve) => network.#relay.listen(0, '127.0.0.1', resolve));
    network.address = `127.0.0.1:${network.#relay.address().port}`;
    return network;
  }

  #join(near) {
    if (!this.#up) {
      near.on('error', () => {});
      near.destroy();
      return;
    }
    const far = net.connect(this.port, '127.0.0.1');
    const pair = { near, far };
    this.#pairs.add(pair);
    const part = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', part).on('close', part);
    near.pipe(far);
    far.pipe(near);
  }

  ws(path) {
    return `ws://${this.address}${path}`;
  }

  http(path) {
    return `http://${this.address}${path}`;
  }

  /** Breaks every connection and refuses new ones. */
  down() {
    this.#up = false;
    for (const { near, far } of [...this.#pairs]) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Lets connections through again. */
  up() {
    this.#up = true;
  }

  async close() {
    this.down();
    if (!this.#relay.listening) return;
    await new Promise((resolve) => this.#relay.close(resolve));
  }
}
