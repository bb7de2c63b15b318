// A crowd: a few users with many connections, who come and go at the same time, on all nodes and in the same
// channels. What a receiver is told of them has to come out even.

import { until } from './deadline.mjs';
import { remember } from './opened.mjs';
import { somebody } from './telling.mjs';

/** How many come and go at the same time. */
const PEOPLE = 12;

const USERS = ['ann', 'bob', 'cat'];
const CHANNELS = ['chat:x', 'chat:y', 'chat:z', 'chat:all'];

/** `random(n)` is a number below `n`. The seed is said, and `SEED` makes it the same again. */
export function seeded(t) {
  let state = Number(process.env.SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`SEED=${state}`);
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 2 ** 31) * below);
  };
}

export class Crowd {
  /** How often somebody came and went. */
  visits = 0;
  #over = false;

  constructor(nodes, random) {
    Object.assign(this, { nodes, random });
    remember(() => this.stop());
  }

  /** Lets nobody come any more. */
  stop() {
    this.#over = true;
  }

  /** Each of them comes and goes so often, or until they are stopped. A node that does not answer is tried again, or another one. */
  async run(times = Infinity) {
    await Promise.all(Array.from({ length: PEOPLE }, () => this.#person(times)));
  }

  async #person(times) {
    for (let visit = 0; visit < times && !this.#over; ) {
      const node = this.nodes[this.random(this.nodes.length)];
      const channels = [CHANNELS[this.random(CHANNELS.length - 1)], CHANNELS.at(-1)];
      try {
        const socket = await somebody(node, USERS[this.random(USERS.length)], channels);
        await (this.random(2) ? socket.close() : socket.destroy());
        visit += 1;
        this.visits += 1;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

/** Waits until it has come out even, once all are gone. */
export async function comesOutEven(receiver, ms) {
  await until(() => uneven(receiver).length === 0, 'it comes out even', ms).catch((error) => {
    throw new Error(`${error.message}: ${uneven(receiver).join('; ')}`);
  });
}

/** Channels and members that were told of twice, or not to the end. */
function uneven(receiver) {
  const look = (kinds, members) => {
    const told = receiver.of(members).map(({ event }) => event).filter((event) => kinds.includes(event));
    const even = told.length > 0 && told.length % 2 === 0 && told.every((event, nth) => event === kinds[nth % 2]);
    return even ? [] : [`${JSON.stringify(members)}: ${told}`];
  };
  return CHANNELS.flatMap((channel) => [
    ...look(['channel_occupied', 'channel_vacated'], { channel }),
    ...USERS.flatMap((user) => look(['member_added', 'member_removed'], { channel, user })),
  ]);
}
