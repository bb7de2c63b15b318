// The Redis master dies and sentinels put a replica in its place: clients stay connected, and hear all
// that was acknowledged.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Cluster } from '../harness/cluster.mjs';
import { until } from '../harness/deadline.mjs';
import { Publisher } from '../harness/publisher.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { Sentinels } from '../harness/sentinel.mjs';
import { Socket } from '../harness/socket.mjs';

/** Sentinels agree, promote and tell within a few seconds; more on a busy machine. In ms. */
const FAILOVER_MS = 60_000;

const CHANNEL = 'chat:failover';

/** An acknowledgement says that a replica has it too. */
const CHAT = { history_size: 10_000, history_ttl: '5m', recovery: true, replicas: 1 };

describe('a failover of Redis', () => {
  let redis;
  let cluster;
  before(async () => {
    redis = await Sentinels.start();
    cluster = await Cluster.start({ chat: CHAT }, { redis });
  });
  after(() => cluster?.stop());

  it('disconnects nobody, and loses nothing that was acknowledged', async (t) => {
    const clients = [];
    for (const node of cluster.nodes) {
      for (const encoding of ENCODINGS) {
        const sdk = await connected(encoding, node.ws('/connection/websocket'));
        sdk.sub = await subscribed(sdk, CHANNEL);
        sdk.heard = () => sdk.sub.events.publication.waiting.map(({ data }) => encoding.decode(data));
        clients.push(sdk);
      }
    }
    const plain = await Socket.follow(cluster.nodes[1].ws(''), [CHANNEL]);

    const before = new Publisher(cluster.nodes[0].api, CHANNEL);
    await before.reaches(10);
    const first = await before.stop();
    const died = performance.now();
    await redis.killMaster();
    const during = new Publisher(cluster.nodes[1].api, CHANNEL, { patient: true, from: first.length });
    await during.reaches(first.length + 10, FAILOVER_MS);
    const seconds = ((performance.now() - died) / 1000).toFixed(1);
    t.diagnostic(`10 publications after ${seconds} s and ${during.failures} refusals`);
    const sent = await during.stop();

    for (const sdk of clients) {
      await until(() => sdk.heard().length >= sent.length, 'all of it');
      assert.deepEqual(sdk.heard(), sent, 'in order, and once');
      assert.equal(sdk.events.connecting.waiting.length, 1, 'it stayed connected');
      // The stream has another lineage from here on, of which its protocol can tell in no other way.
      const again = sdk.sub.events.subscribed.waiting;
      assert.ok(again.every(({ recovered }) => recovered), JSON.stringify(again));
    }
    const told = () => plain.frames.waiting.map((text) => JSON.parse(text));
    await until(() => told().length >= sent.length, 'all of it');
    assert.deepEqual(told().map(({ pub }) => pub?.data), sent, 'nothing but publications');
    const { publications } = await cluster.nodes[2].api.call('history', { channel: CHANNEL, limit: -1 });
    assert.deepEqual(publications.map(({ data }) => data), sent, 'and this is what is kept');
  });
});
