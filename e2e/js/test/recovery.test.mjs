// Coming back: after a broken network, after a restart of the server, after its goodbye.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';

import { Api } from '../harness/api.mjs';
import { Network } from '../harness/network.mjs';
import { closeAll } from '../harness/opened.mjs';
import { ENCODINGS, away, connected, subscribed } from '../harness/sdk.mjs';
import { Server } from '../harness/server.mjs';
import { serving } from '../harness/serving.mjs';

for (const encoding of ENCODINGS) {
  describe(`recovery, ${encoding.name}`, () => {
    const group = serving();

    it('delivers exactly what was missed while the network was down', async () => {
      const network = await Network.to(group.server.port);
      const ann = await connected(encoding, network.ws('/connection/websocket'));
      const sub = await subscribed(ann, 'chat:tunnel');
      assert.deepEqual([sub.hello.recoverable, sub.hello.positioned], [true, true]);
      await group.api.publish('chat:tunnel', 'before');
      network.down();
      await away(sub);
      for (const text of ['one', 'two', 'three']) await group.api.publish('chat:tunnel', text);
      network.up();
      const back = await sub.events.subscribed.next('subscribed again');
      assert.deepEqual([back.wasRecovering, back.recovered], [true, true]);
      await group.api.publish('chat:tunnel', 'after');
      const got = [];
      for (let n = 0; n < 5; n += 1) got.push(await sub.events.publication.next());
      assert.deepEqual(got.map((p) => encoding.decode(p.data)), ['before', 'one', 'two', 'three', 'after']);
      assert.deepEqual(got.map((p) => p.offset), [1, 2, 3, 4, 5]);
    });

    it('recovers nothing when nothing was missed, and says so', async () => {
      const network = await Network.to(group.server.port);
      const ann = await connected(encoding, network.ws('/connection/websocket'));
      const sub = await subscribed(ann, 'chat:calm');
      network.down();
      await away(sub);
      network.up();
      const back = await sub.events.subscribed.next('subscribed again');
      assert.deepEqual([back.wasRecovering, back.recovered], [true, true]);
      assert.deepEqual(sub.events.publication.waiting, []);
    });

    it('says that it cannot recover when more was missed than is kept', async () => {
      const network = await Network.to(group.server.port);
      const ann = await connected(encoding, network.ws('/connection/websocket'));
      const sub = await subscribed(ann, 'chat:long-sleep');
      await group.api.publish('chat:long-sleep', 'first');
      await sub.events.publication.next();
      network.down();
      await away(sub);
      const commands = Array.from({ length: 150 }, (_, n) => ({
        publish: { channel: 'chat:long-sleep', data: n },
      }));
      await group.api.call('batch', { commands });
      network.up();
      const back = await sub.events.subscribed.next('subscribed again');
      assert.deepEqual([back.wasRecovering, back.recovered], [true, false]);
      await group.api.publish('chat:long-sleep', 'now');
      assert.equal(encoding.decode((await sub.events.publication.next()).data), 'now');
    });

    it('recovers from a position that the application kept', async () => {
      const ann = await connected(encoding, group.server.ws('/connection/websocket'));
      for (const n of [1, 2, 3]) await group.api.publish('chat:kept', n);
      const { epoch } = await group.api.call('history', { channel: 'chat:kept' });
      const sub = await subscribed(ann, 'chat:kept', { since: { offset: 1, epoch } });
      assert.equal(sub.hello.recovered, true);
      for (const n of [2, 3]) {
        assert.equal(encoding.decode((await sub.events.publication.next()).data), n);
      }
    });
  });
}

describe('graceful shutdown', () => {
  after(closeAll);

  it('tells clients to come back, ends with 0, and they find the next server', async () => {
    const first = await Server.start();
    const { port } = first;
    const clients = [];
    for (const encoding of ENCODINGS) {
      const sdk = await connected(encoding, first.ws('/connection/websocket'));
      clients.push({ sdk, encoding, sub: await subscribed(sdk, 'chat:restart') });
    }
    await first.stop();
    for (const { sdk } of clients) {
      await sdk.events.connecting.take((context) => context.code === 3001, 'goodbye with 3001');
    }
    const second = await Server.start({ listen: `127.0.0.1:${port}` });
    try {
      for (const { sdk, sub } of clients) {
        await sdk.events.connected.next('connected to the next server');
        const back = await sub.events.subscribed.next('subscribed again');
        assert.deepEqual([back.wasRecovering, back.recovered], [true, false], 'memory is gone, and it says so');
      }
      await new Api(second).publish('chat:restart', 'welcome back');
      for (const { encoding, sub } of clients) {
        assert.equal(encoding.decode((await sub.events.publication.next()).data), 'welcome back');
      }
    } finally {
      await closeAll();
      await second.stop();
    }
  });

  it('ends at once with 0 on SIGINT too when nobody is connected', async () => {
    const server = await Server.start();
    server.signal('SIGINT');
    assert.equal(await server.ended(), 0);
    server.assertQuiet();
    await server.kill();
  });
});
