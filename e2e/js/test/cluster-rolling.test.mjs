// All nodes are replaced, one after the other, while clients listen and the application publishes:
// behind the real HAProxy and the real nginx, over one Redis. Nobody misses anything.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import WebSocket from 'ws';

import { Api } from '../harness/api.mjs';
import { Cluster, NOTICED } from '../harness/cluster.mjs';
import { until } from '../harness/deadline.mjs';
import { haproxy, nginx } from '../harness/proxies.mjs';
import { Publisher } from '../harness/publisher.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { Socket } from '../harness/socket.mjs';

const CLIENTS = 9;
const CHANNEL = 'chat:rolling';
const CHAT = { history_size: 100_000, history_ttl: '5m', recovery: true };

const PROXIES = [
  // nginx does not ask nodes whether they want clients, so that they need not wait for it.
  { name: 'HAProxy', proxy: haproxy, delay: NOTICED },
  { name: 'nginx', proxy: nginx, delay: '0s' },
];

/** A Centrifuge client that came through the proxy, and listens. */
async function listener(proxy, encoding) {
  class Trusting extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { ca: proxy.ca });
    }
  }
  const sdk = await connected(encoding, proxy.wss('/connection/websocket'), { websocket: Trusting });
  sdk.sub = await subscribed(sdk, CHANNEL);
  sdk.heard = () => sdk.sub.events.publication.waiting.map(({ data }) => encoding.decode(data));
  return sdk;
}

/** Whether somebody who comes now gets to a node that has nobody yet. */
async function sendsClientsTo(cluster, node) {
  const { proxy } = cluster;
  const visitor = await Socket.follow(proxy.wss(''), ['chat:visit'], { ca: proxy.ca });
  const there = (await cluster.clientsOf(node)) > 0;
  await visitor.close();
  return there;
}

for (const { name, proxy, delay } of PROXIES) {
  it(`nodes behind ${name} are replaced one by one, and clients miss nothing`, async (t) => {
    const cluster = await Cluster.start({ chat: CHAT }, { proxy, delay });
    try {
      const clients = await Promise.all(
        Array.from({ length: CLIENTS }, (_, n) => listener(cluster.proxy, ENCODINGS[n % ENCODINGS.length])),
      );
      const publisher = new Publisher(new Api(cluster.proxy), CHANNEL);
      for (const node of cluster.nodes) {
        await publisher.reaches(publisher.count + 20);
        node.signal('SIGTERM');
        assert.equal(await node.ended(), 0, node.stderr);
        node.assertQuiet();
        await node.again();
        // Before the next one leaves, the proxy has to trust this one again.
        await until(() => sendsClientsTo(cluster, node), 'it is sent clients');
      }
      await publisher.reaches(publisher.count + 20);
      const sent = await publisher.stop();
      for (const sdk of clients) {
        await until(() => sdk.heard().length >= sent.length, 'all of it');
        assert.deepEqual(sdk.heard(), sent, 'in order, and once');
        const returns = sdk.sub.events.subscribed.waiting;
        assert.ok(returns.every(({ recovered }) => recovered), JSON.stringify(returns));
      }
      const moves = clients.map((sdk) => sdk.events.connecting.waiting.length - 1);
      const total = moves.reduce((sum, count) => sum + count, 0);
      assert.ok(total >= CLIENTS, `every client was on a node that left, at some time: ${moves}`);
      t.diagnostic(`${total} moves of ${CLIENTS} clients, ${sent.length} publications`);
    } finally {
      await cluster.stop();
    }
  });
}
