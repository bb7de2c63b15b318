// Nodes with webhooks, and those who receive them.

import { HOUSES, over, uid } from './houses.mjs';
import { apart, closeAll } from './opened.mjs';
import { Receiver } from './receiver.mjs';
import { Socket } from './socket.mjs';
import { inSeconds, sign } from './token.mjs';

export { HOUSES, over, uid };

/** `chat` knows who is in its channels, `bare` does not. */
const NAMESPACES = { chat: { presence: true }, bare: {} };

/** How long it may take until a node that died is known to be gone, and what it did is done by others, in ms. */
export const NODE_LOST_MS = 60_000;

/**
 * Runs `test` with nodes of a house and a receiver for each of `hooks`: more of its table, and of the receiver. Several
 * may run at the same time.
 */
export function telling(house, hooks, test, sections = {}) {
  return apart(() => told(house, hooks, test, sections));
}

async function told(house, hooks, test, sections) {
  const receivers = [];
  let place;
  try {
    for (const { receiver, nth = receivers.length } of hooks) {
      receivers.push(await Receiver.start({ name: `hook-${nth}`, ...receiver }));
    }
    const webhooks = receivers.map((receiver, nth) => receiver.section(hooks[nth].table));
    place = await house.start(NAMESPACES, { webhooks, ...sections });
    await test(place.nodes, ...receivers);
    await closeAll();
    await place.stop();
    for (const receiver of receivers) receiver.assertGood();
  } finally {
    await closeAll();
    await place?.kill();
    for (const receiver of receivers) await receiver.down();
  }
}

/** The part of a URL that says who somebody is. */
export function as(user) {
  return `&token=${sign({ sub: user, exp: inSeconds(600) })}`;
}

/** Somebody in channels who does not come back when sent away. */
export function somebody(node, user, channels) {
  return Socket.follow(node.ws(''), channels, { query: as(user) });
}

/** What a receiver was told of a channel itself, in order: `member_added ann`. */
export function ofChannel(receiver, channel) {
  const told = receiver.of({ channel }).filter(({ event }) => /^(channel|member)_/.test(event));
  return told.map(({ event, user }) => [event, user].filter(Boolean).join(' '));
}

/** What the node says of a webhook. */
export async function state(node, { name }) {
  const { webhooks } = await node.api.call('webhook_list');
  return webhooks.find((webhook) => webhook.name === name);
}

/** The node that delivers to a receiver, once one does. */
export async function deliverer(nodes, receiver, asked = nodes[0]) {
  const { delivering_node: delivering } = await state(asked, receiver);
  for (const node of nodes) if ((await uid(node)) === delivering) return node;
  return undefined;
}
