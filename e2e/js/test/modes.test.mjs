// How streams are recovered, as their namespaces have it: in cache mode, by position only, up to a
// limit, or with a state of the application's own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { openTo } from '../harness/configuration.mjs';
import { Network } from '../harness/network.mjs';
import { ENCODINGS, away, connected, received, subscribed } from '../harness/sdk.mjs';
import { serving } from '../harness/serving.mjs';

const CONFIG = openTo({
  cache: { recovery: true, recovery_mode: 'cache', history_size: 10 },
  placed: { positioning: true, history_size: 100 },
  limited: { recovery: true, recovery_limit: 5, history_size: 100 },
  short: { recovery: true, history_size: 3 },
});

for (const encoding of ENCODINGS) {
  describe(`recovery modes, ${encoding.name}`, () => {
    const group = serving({ config: CONFIG });

    /** A subscriber behind a network of its own. */
    const follow = async (channel, options) => {
      const network = await Network.to(group.server.port);
      const sdk = await connected(encoding, network.ws('/connection/websocket'));
      return { network, sub: await subscribed(sdk, channel, options) };
    };

    /** Publishes `values` while the subscriber is away; returns how it came back. */
    const miss = async ({ network, sub }, channel, values) => {
      network.down();
      await away(sub);
      await group.api.publishAll(channel, values);
      network.up();
      return sub.events.subscribed.next('subscribed again');
    };

    it('cache: the first subscription brings the latest, a return only the latest', async () => {
      await group.api.publishAll('cache:a', ['one', 'two']);
      const ann = await follow('cache:a', { since: { offset: 0, epoch: '' } });
      assert.deepEqual([ann.sub.hello.wasRecovering, ann.sub.hello.recovered], [true, true]);
      assert.deepEqual((await received(encoding, ann.sub, 1)).texts, ['two']);
      const back = await miss(ann, 'cache:a', ['three', 'four', 'five']);
      assert.deepEqual([back.wasRecovering, back.recovered], [true, true]);
      await group.api.publish('cache:a', 'six');
      const got = await received(encoding, ann.sub, 2);
      assert.deepEqual([got.texts, got.offsets], [['five', 'six'], [5, 6]]);
    });

    it('cache: an empty channel, and one of which nothing was missed', async () => {
      const ann = await follow('cache:b', { since: { offset: 0, epoch: '' } });
      await group.api.publish('cache:b', 'one');
      assert.deepEqual((await received(encoding, ann.sub, 1)).texts, ['one']);
      const back = await miss(ann, 'cache:b', []);
      assert.deepEqual([back.wasRecovering, back.recovered], [true, true]);
      await group.api.publish('cache:b', 'two');
      assert.deepEqual((await received(encoding, ann.sub, 1)).texts, ['two']);
    });

    it('positions without recovery: a place in the stream, and nothing of the past', async () => {
      const ann = await follow('placed:a');
      assert.deepEqual([ann.sub.hello.positioned, ann.sub.hello.recoverable], [true, false]);
      assert.equal(ann.sub.hello.streamPosition.offset, 0);
      await group.api.publish('placed:a', 'one');
      assert.deepEqual((await received(encoding, ann.sub, 1)).offsets, [1]);
      const back = await miss(ann, 'placed:a', ['two', 'three']);
      assert.deepEqual([back.wasRecovering, back.recovered], [false, false]);
      assert.equal(back.streamPosition.offset, 3);
      await group.api.publish('placed:a', 'four');
      const got = await received(encoding, ann.sub, 1);
      assert.deepEqual([got.texts, got.offsets], [['four'], [4]]);
      const page = await ann.sub.history({ limit: 10 });
      assert.deepEqual(page.publications.map((p) => p.offset), [1, 2, 3, 4]);
    });

    it('a recovery up to its limit is whole', async () => {
      const ann = await follow('limited:a');
      const back = await miss(ann, 'limited:a', [1, 2, 3, 4, 5]);
      assert.deepEqual([back.wasRecovering, back.recovered], [true, true]);
      assert.deepEqual((await received(encoding, ann.sub, 5)).texts, [1, 2, 3, 4, 5]);
    });

    it('beyond its limit it is none, and history has it all', async () => {
      const ann = await follow('limited:b');
      await group.api.publish('limited:b', 0);
      await received(encoding, ann.sub, 1);
      const { epoch } = ann.sub.hello.streamPosition;
      const back = await miss(ann, 'limited:b', [1, 2, 3, 4, 5, 6]);
      assert.deepEqual([back.wasRecovering, back.recovered], [true, false]);
      assert.deepEqual(back.streamPosition, { epoch, offset: 7 });
      const paged = [];
      for (let offset = 1; offset < 7; ) {
        const { publications } = await ann.sub.history({ limit: 4, since: { epoch, offset } });
        paged.push(...publications.map((p) => encoding.decode(p.data)));
        offset = publications.at(-1).offset;
      }
      assert.deepEqual(paged, [1, 2, 3, 4, 5, 6]);
      await group.api.publish('limited:b', 7);
      assert.deepEqual((await received(encoding, ann.sub, 1)).texts, [7]);
    });

    it('getState: the application is asked once more when recovery is refused', async () => {
      const asked = [];
      const getState = async () => {
        const { epoch, offset } = await group.api.top('short:a');
        asked.push(offset);
        // What is published between reading the position and subscribing is part of the stream.
        await group.api.publish('short:a', `beside ${offset}`);
        return { epoch, offset };
      };
      await group.api.publish('short:a', 'before');
      const ann = await follow('short:a', { getState, minResubscribeDelay: 10, maxResubscribeDelay: 50 });
      assert.deepEqual((await received(encoding, ann.sub, 1)).texts, ['beside 1']);
      const calm = await miss(ann, 'short:a', ['missed']);
      assert.equal(calm.recovered, true);
      assert.deepEqual((await received(encoding, ann.sub, 1)).texts, ['missed']);
      assert.deepEqual(asked, [1], 'not asked where the stream has everything');
      const far = await miss(ann, 'short:a', ['a', 'b', 'c', 'd']);
      assert.equal(far.recovered, true, 'from the position of the new state');
      assert.deepEqual((await received(encoding, ann.sub, 1)).texts, ['beside 7']);
      assert.deepEqual(asked, [1, 7]);
    });
  });
}
