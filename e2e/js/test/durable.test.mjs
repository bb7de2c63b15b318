// Streams on disk, with npm `centrifuge`: the node is killed or restarted, and nothing is lost.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { openTo } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { Network } from '../harness/network.mjs';
import { ENCODINGS, away, connected, received, subscribed } from '../harness/sdk.mjs';
import { against } from '../harness/serving.mjs';

const STREAM = { recovery: true, history_size: 10_000, history_ttl: '1h' };
const CONFIG = openTo({
  stream: STREAM,
  early: { ...STREAM, delivery: 'early' },
  cache: { ...STREAM, recovery_mode: 'cache', history_size: 10 },
});

/** What ends a node, and what starts it again in the same place. */
const RESTARTS = [
  { name: 'kill -9', end: (server) => server.crash() },
  { name: 'a graceful restart', end: (server) => server.end() },
];

for (const encoding of ENCODINGS) {
  const connect = (to) => connected(encoding, to.ws('/connection/websocket'));

  describe(`streams on disk, ${encoding.name}`, () => {
    for (const { name, end } of RESTARTS) {
      it(`go on after ${name}: same epoch, exactly what was missed`, async () => {
        await against({ config: CONFIG }, async (server, api) => {
          const network = await Network.to(server.port);
          const ann = await connect(network);
          const sub = await subscribed(ann, 'stream:a');
          await api.publishAll('stream:a', ['one', 'two']);
          assert.deepEqual((await received(encoding, sub, 2)).texts, ['one', 'two']);
          network.down();
          await away(sub);
          await api.publishAll('stream:a', ['three', 'four']);
          await end(server);
          await server.again();
          await api.publish('stream:a', 'five');
          network.up();
          const back = await sub.events.subscribed.next('subscribed again');
          assert.deepEqual([back.wasRecovering, back.recovered], [true, true]);
          assert.equal(back.streamPosition.epoch, sub.hello.streamPosition.epoch);
          await api.publish('stream:a', 'six');
          const missed = await received(encoding, sub, 4);
          assert.deepEqual(missed.texts, ['three', 'four', 'five', 'six']);
          assert.deepEqual(missed.offsets, [3, 4, 5, 6]);
          assert.deepEqual(sub.events.publication.waiting, []);
        });
      });
    }

    it('lose nothing that was acknowledged when the node is killed in the middle of publishing', async () => {
      await against({ config: CONFIG }, async (server, api) => {
        const ann = await connect(server);
        const sub = await subscribed(ann, 'stream:middle');
        const acknowledged = new Map();
        let going = true;
        const publisher = (async () => {
          for (let n = 0; going; n += 1) {
            // Who gets no answer does not know, and does not try again: the next is another one.
            const answer = await api.publish('stream:middle', n).catch(() => undefined);
            if (answer) acknowledged.set(answer.offset, n);
          }
        })();
        for (let round = 1; round <= 3; round += 1) {
          const before = acknowledged.size;
          await until(() => acknowledged.size >= before + 50, '50 publications more');
          await server.crash();
          await server.again();
          const back = await sub.events.subscribed.next(`subscribed again, round ${round}`);
          assert.deepEqual([back.wasRecovering, back.recovered], [true, true]);
          assert.equal(back.streamPosition.epoch, sub.hello.streamPosition.epoch);
        }
        going = false;
        await publisher;
        const { offset: last } = await api.publish('stream:middle', 'last');
        const got = await received(encoding, sub, last);
        assert.deepEqual(got.offsets, Array.from({ length: last }, (_, n) => n + 1));
        for (const [offset, n] of acknowledged) assert.equal(got.texts[offset - 1], n);
        assert.equal(new Set(got.texts).size, last, 'nothing twice');
        assert.ok(last - 1 - acknowledged.size <= 3, 'at most one unanswered publication a crash');
      });
    });

    it('are paged through as before the restart', async () => {
      await against({ config: CONFIG }, async (server, api) => {
        await api.publishAll('stream:pages', Array.from({ length: 20 }, (_, n) => n + 1));
        await server.crash();
        await server.again();
        const ann = await connect(server);
        const sub = await subscribed(ann, 'stream:pages');
        const read = async (options) => {
          const page = await sub.history(options);
          assert.equal(page.offset, 20);
          assert.equal(page.epoch, sub.hello.streamPosition.epoch);
          return page.publications.map((p) => encoding.decode(p.data));
        };
        const { epoch } = sub.hello.streamPosition;
        assert.deepEqual(await read({}), []);
        assert.deepEqual(await read({ limit: 3 }), [1, 2, 3]);
        assert.deepEqual(await read({ limit: 3, since: { epoch, offset: 3 } }), [4, 5, 6]);
        assert.deepEqual(await read({ limit: 3, reverse: true }), [20, 19, 18]);
        assert.deepEqual(await read({ limit: 3, reverse: true, since: { epoch, offset: 4 } }), [3, 2, 1]);
        assert.equal((await read({ limit: -1 })).length, 20);
        await assert.rejects(read({ limit: 3, since: { epoch: 'another', offset: 3 } }), { code: 112 });
      });
    });

    it('are another one when the directory is gone, and clients are told', async () => {
      await against({ config: CONFIG }, async (server, api) => {
        const ann = await connect(server);
        const sub = await subscribed(ann, 'stream:gone');
        await api.publish('stream:gone', 'old');
        await received(encoding, sub, 1);
        await server.crash();
        await server.forget();
        await server.again();
        const back = await sub.events.subscribed.next('subscribed again');
        assert.deepEqual([back.wasRecovering, back.recovered], [true, false]);
        assert.notEqual(back.streamPosition.epoch, sub.hello.streamPosition.epoch);
        await api.publish('stream:gone', 'new');
        assert.deepEqual((await received(encoding, sub, 1)).texts, ['new']);
      });
    });

    it('that deliver early get a new epoch after a crash, and who saw what is stored recovers', async () => {
      await against({ config: CONFIG }, async (server, api) => {
        const network = await Network.to(server.port);
        const ann = await connect(network);
        const sub = await subscribed(ann, 'early:a');
        let { epoch } = sub.hello.streamPosition;
        let seen = 0;
        for (const round of ['first', 'second']) {
          await api.publishAll('early:a', [`${round} heard`]);
          assert.deepEqual((await received(encoding, sub, 1)).texts, [`${round} heard`]);
          network.down();
          await away(sub);
          await api.publish('early:a', `${round} missed`);
          await server.crash();
          await server.again();
          network.up();
          const back = await sub.events.subscribed.next('subscribed again');
          assert.deepEqual([back.wasRecovering, back.recovered], [true, true]);
          assert.notEqual(back.streamPosition.epoch, epoch, 'another lineage');
          epoch = back.streamPosition.epoch;
          const missed = await received(encoding, sub, 1);
          seen += 2;
          assert.deepEqual([missed.texts, missed.offsets], [[`${round} missed`], [seen]]);
        }
      });
    });

    it('hand over the latest in cache mode, also after a crash', async () => {
      await against({ config: CONFIG }, async (server, api) => {
        await api.publishAll('cache:a', ['one', 'two', 'three']);
        await server.crash();
        await server.again();
        const network = await Network.to(server.port);
        const ann = await connect(network);
        const sub = await subscribed(ann, 'cache:a', { since: { offset: 0, epoch: '' } });
        assert.equal(sub.hello.recovered, true);
        assert.deepEqual((await received(encoding, sub, 1)).texts, ['three']);
        network.down();
        await away(sub);
        await api.publishAll('cache:a', ['four', 'five']);
        await server.crash();
        await server.again();
        network.up();
        const back = await sub.events.subscribed.next('subscribed again');
        assert.equal(back.recovered, true);
        await api.publish('cache:a', 'six');
        const got = await received(encoding, sub, 2);
        assert.deepEqual([got.texts, got.offsets], [['five', 'six'], [5, 6]]);
      });
    });
  });
}
