// npm `centrifuge` against a development server: what a newcomer's first program does.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { serving } from '../harness/serving.mjs';

for (const encoding of ENCODINGS) {
  describe(`centrifuge-js, ${encoding.name}`, () => {
    const group = serving();
    const connect = (options) =>
      connected(encoding, group.server.ws('/connection/websocket'), options);
    const data = (context) => encoding.decode(context.data);

    it('connects without a token and is told its id', async () => {
      const ann = await connect();
      const bob = await connect();
      assert.match(ann.hello.client, /\S/);
      assert.notEqual(ann.hello.client, bob.hello.client);
      assert.equal(ann.hello.transport, 'websocket');
    });

    it('carries a publication to every subscriber, the publisher included', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const [hers, his] = [await subscribed(ann, 'chat:talk'), await subscribed(bob, 'chat:talk')];
      const sent = { text: 'žluťoučký kůň 🐎', lines: ['a\nb', ''], n: [1, 2.5, null, true] };
      await hers.publish(encoding.encode(sent));
      for (const sub of [hers, his]) {
        const got = await sub.events.publication.next();
        assert.deepEqual(data(got), sent);
        assert.equal(got.offset, 1);
        assert.equal(got.info.client, ann.hello.client);
        assert.equal(got.info.user, '');
      }
    });

    it('keeps the order of many publications', async () => {
      const ann = await connect();
      const sub = await subscribed(ann, 'chat:order');
      const count = 200; // at once, and below what one connection may have in flight
      await Promise.all(Array.from({ length: count }, (_, n) => sub.publish(encoding.encode({ n }))));
      for (let n = 0; n < count; n += 1) {
        const got = await sub.events.publication.next(`publication ${n}`);
        assert.deepEqual([data(got).n, got.offset], [n, n + 1]);
      }
    });

    it('receives what the server API publishes, with its tags', async () => {
      const ann = await connect();
      const sub = await subscribed(ann, 'news');
      const result = await group.api.publish('news', { title: 'hello' }, { tags: { kind: 'greeting' } });
      const got = await sub.events.publication.next();
      assert.deepEqual(data(got), { title: 'hello' });
      assert.deepEqual({ ...got.tags }, { kind: 'greeting' });
      assert.equal(got.offset, result.offset);
      assert.equal(got.info ?? null, null, 'the server API is not a client');
    });

    it('receives payloads that were posted pretty-printed', async () => {
      const ann = await connect();
      const sub = await subscribed(ann, 'pretty');
      const { status } = await group.api.post(
        'publish',
        '{\n  "channel": "pretty",\r\n  "data": {\r\n    "a": [\n1,\n2\n]\n  }\n}\n',
      );
      assert.equal(status, 200);
      await group.api.publish('pretty', 'next');
      assert.deepEqual(data(await sub.events.publication.next()), { a: [1, 2] });
      assert.equal(data(await sub.events.publication.next()), 'next');
    });

    it('lists who is present', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const hers = await subscribed(ann, 'chat:who');
      const his = await subscribed(bob, 'chat:who');
      const both = [ann.hello.client, bob.hello.client].sort();
      const { clients } = await hers.presence();
      assert.deepEqual(Object.keys(clients).sort(), both);
      assert.equal(clients[bob.hello.client].client, bob.hello.client);
      const stats = await hers.presenceStats();
      assert.deepEqual([stats.numClients, stats.numUsers], [2, 1]);
      const left = new Promise((resolve) => his.once('unsubscribed', resolve));
      his.unsubscribe();
      await left;
      await bob.rpc('after', encoding.encode(null)).catch(() => {}); // the unsubscribe went before it
      assert.deepEqual(Object.keys((await hers.presence()).clients), [ann.hello.client]);
    });

    it('answers empty presence with zeros', async () => {
      const ann = await connect();
      const stats = await ann.presenceStats('chat:nobody');
      assert.deepEqual([stats.numClients, stats.numUsers], [0, 0]);
      assert.deepEqual((await ann.presence('chat:nobody')).clients, {});
    });

    it('announces who joins and leaves to those who asked', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const hers = await subscribed(ann, 'chat:door', { joinLeave: true });
      assert.equal((await hers.events.join.next()).info.client, ann.hello.client, 'her own join');
      await subscribed(bob, 'chat:door');
      assert.equal((await hers.events.join.next()).info.client, bob.hello.client);
      bob.disconnect();
      assert.equal((await hers.events.leave.next()).info.client, bob.hello.client);
    });

    it('reads history forwards, backwards, and from a position', async () => {
      const ann = await connect();
      const sub = await subscribed(ann, 'chat:past');
      for (const n of [1, 2, 3, 4, 5]) await sub.publish(encoding.encode(n));
      const read = async (options) => {
        const page = await sub.history(options);
        assert.equal(page.offset, 5);
        return [page.publications.map(data), page.epoch];
      };
      const [none, epoch] = await read({ limit: 0 });
      assert.deepEqual(none, []);
      assert.match(epoch, /\S/);
      assert.deepEqual((await read({ limit: -1 }))[0], [1, 2, 3, 4, 5]);
      assert.deepEqual((await read({ limit: 2 }))[0], [1, 2]);
      assert.deepEqual((await read({ limit: 2, since: { offset: 2, epoch } }))[0], [3, 4]);
      assert.deepEqual((await read({ limit: 2, reverse: true }))[0], [5, 4]);
      assert.deepEqual((await read({ limit: 9, reverse: true, since: { offset: 3, epoch } }))[0], [2, 1]);
      const foreign = sub.history({ limit: 1, since: { offset: 1, epoch: 'another' } });
      await assert.rejects(foreign, { code: 112 });
    });

    it('hears nothing more after it unsubscribed', async () => {
      const ann = await connect();
      const sub = await subscribed(ann, 'chat:quiet');
      const marker = await subscribed(ann, 'chat:marker');
      sub.unsubscribe();
      assert.equal((await sub.events.unsubscribed.next()).code, 0);
      await ann.rpc('after', encoding.encode(null)).catch(() => {});
      await group.api.publish('chat:quiet', 'unheard');
      await group.api.publish('chat:marker', 'heard');
      assert.equal(data(await marker.events.publication.next()), 'heard');
      assert.deepEqual(sub.events.publication.waiting, []);
      sub.subscribe();
      await sub.events.subscribed.next();
      await group.api.publish('chat:quiet', 'again');
      assert.equal(data(await sub.events.publication.take((p) => data(p) === 'again', 'again')), 'again');
    });

    it('publishes to a channel without being subscribed', async () => {
      const [ann, bob] = [await connect(), await connect()];
      const his = await subscribed(bob, 'chat:open');
      await ann.publish('chat:open', encoding.encode('from outside'));
      assert.equal(data(await his.events.publication.next()), 'from outside');
    });

    it('answers an rpc with 108 while nothing handles it', async () => {
      const ann = await connect();
      await assert.rejects(ann.rpc('sum', encoding.encode([1, 2])), { code: 108 });
    });

    it('takes an asynchronous message without an answer and lives on', async () => {
      const ann = await connect();
      await ann.send(encoding.encode({ ignored: true }));
      await assert.rejects(ann.rpc('still here', encoding.encode(null)), { code: 108 });
    });

    it('holds many subscriptions on one connection', async () => {
      const ann = await connect();
      const names = Array.from({ length: 100 }, (_, n) => `chat:many-${n}`);
      const subs = await Promise.all(names.map((name) => subscribed(ann, name)));
      await group.api.call('broadcast', { channels: names, data: 'all' });
      for (const sub of subs) assert.equal(data(await sub.events.publication.next()), 'all');
    });
  });
}

describe('JSON and Protobuf clients in one channel', () => {
  const group = serving();

  it('read each other', async () => {
    const url = group.server.ws('/connection/websocket');
    const subs = [];
    for (const encoding of ENCODINGS) {
      subs.push(await subscribed(await connected(encoding, url), 'chat:mixed'));
    }
    for (const [from, sub] of subs.entries()) {
      await sub.publish(ENCODINGS[from].encode({ from }));
      for (const [at, receiver] of subs.entries()) {
        const got = await receiver.events.publication.next();
        assert.deepEqual(ENCODINGS[at].decode(got.data), { from });
      }
    }
  });
});
