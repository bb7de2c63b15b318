// Clients that come and go, a few at a time and without end: each opens a connection, is in a channel of its own
// for a moment, and leaves.

import { until } from './deadline.mjs';
import { remember } from './opened.mjs';
import { Socket } from './socket.mjs';

/** Between two of them, in ms. Each makes six events, so that there are some 120 in a second. */
const EVERY_MS = 50;

/** The code of a close that nobody has answered. */
const CUT_OFF = 1006;

export class Visitors {
  /** Those who were served from the beginning to the end: `{ client, channel }`. */
  served = [];
  /** How many did not get in, or were cut off. */
  turnedAway = 0;
  #over = false;
  #inside = new Set();
  #end;

  /** They come to these nodes, one after the other. */
  constructor(nodes) {
    this.#end = this.#come(nodes);
    remember(() => (this.#over = true));
  }

  async #come(nodes) {
    for (let nth = 0; !this.#over; nth += 1) {
      const visit = this.#visit(nodes[nth % nodes.length], `chat:visitor-${nth}`).finally(() => this.#inside.delete(visit));
      this.#inside.add(visit);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    await Promise.all(this.#inside);
  }

  async #visit(node, channel) {
    try {
      const socket = await Socket.follow(node.ws(''), [channel]);
      const { code } = await socket.close();
      if (socket.subs[channel] && code !== CUT_OFF) return this.served.push({ client: socket.client, channel });
    } catch {
      // Its node, or what is behind it, is gone.
    }
    return (this.turnedAway += 1);
  }

  /** Waits until so many were served. */
  reaches(count, ms) {
    return until(() => this.served.length >= count, `${count} visitors`, ms);
  }

  /** Lets nobody in any more, and waits for those who are inside. */
  async stop() {
    this.#over = true;
    await this.#end;
    return this.served;
  }
}
