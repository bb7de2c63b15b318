// Deltas: the SDK's own decoder puts together what the server sends as differences.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Network } from '../harness/network.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { serving } from '../harness/serving.mjs';

/** Words in which most characters are longer than a byte, and begin with the same one. */
const WORDS = 'привет мир да нет 日本 中国 😀 😁 "quoted" plain'.split(' ');

/** Versions of a document, each a few words from the one before. */
function versions(count) {
  let words = Array.from({ length: 60 }, (_, n) => WORDS[(n * 7) % WORDS.length]);
  return Array.from({ length: count }, (_, n) => {
    const at = (n * 13) % words.length;
    const put = n % 3 === 0 ? [] : [WORDS[(n * 3) % WORDS.length], `${n}`];
    words = [...words.slice(0, at), ...put, ...words.slice(at + (n % 2))];
    return { title: 'a document', n, text: words.join(' ') };
  });
}

for (const encoding of ENCODINGS) {
  describe(`deltas, ${encoding.name}`, () => {
    const group = serving();

    /** Publishes versions and holds that a subscription shows exactly them. */
    async function shows(sub, channel, documents) {
      for (const document of documents) await group.api.publish(channel, document);
      for (const document of documents) {
        const { data } = await sub.events.publication.next(`version ${document.n}`);
        assert.deepEqual(encoding.decode(data), document);
      }
    }

    it('arrive as what was published, and cost a fraction of it', async () => {
      const ann = await connected(encoding, group.server.ws('/connection/websocket'));
      const sub = await subscribed(ann, 'doc:edited', { delta: 'fossil' });
      await shows(sub, 'doc:edited', versions(100));
      const stats = sub.deltaStats();
      assert.equal(stats.numPublications, 100);
      assert.equal(stats.numFullPayloads, 1, 'the first one is whole');
      assert.ok(stats.compressionRatio > 0.6, `saved ${stats.compressionRatio}`);
    });

    it('do not stand in for what would be no smaller', async () => {
      const ann = await connected(encoding, group.server.ws('/connection/websocket'));
      const sub = await subscribed(ann, 'doc:small', { delta: 'fossil' });
      await shows(sub, 'doc:small', [1, 2, 3].map((n) => ({ n })));
      assert.equal(sub.deltaStats().numFullPayloads, 3);
    });

    it('go to those who asked, and to nobody else', async () => {
      const ann = await connected(encoding, group.server.ws('/connection/websocket'));
      const bob = await connected(encoding, group.server.ws('/connection/websocket'));
      const subs = [
        await subscribed(ann, 'doc:both', { delta: 'fossil' }),
        await subscribed(bob, 'doc:both'),
      ];
      const documents = versions(5);
      for (const document of documents) await group.api.publish('doc:both', document);
      for (const sub of subs) {
        for (const document of documents) {
          assert.deepEqual(encoding.decode((await sub.events.publication.next()).data), document);
        }
      }
      assert.equal(subs[0].deltaStats().numDeltaPayloads, 4);
      assert.equal(subs[1].deltaStats().numDeltaPayloads, 0);
    });

    it('go on after a recovery', async () => {
      const network = await Network.to(group.server.port);
      const ann = await connected(encoding, network.ws('/connection/websocket'));
      const sub = await subscribed(ann, 'doc:back', { delta: 'fossil' });
      const documents = versions(12);
      await shows(sub, 'doc:back', documents.slice(0, 4));
      network.down();
      await sub.events.subscribing.take((context) => context.code === 1, 'the break was noticed');
      for (const document of documents.slice(4, 8)) await group.api.publish('doc:back', document);
      network.up();
      const back = await sub.events.subscribed.next('subscribed again');
      assert.equal(back.recovered, true);
      for (const document of documents.slice(4, 8)) {
        assert.deepEqual(encoding.decode((await sub.events.publication.next()).data), document);
      }
      await shows(sub, 'doc:back', documents.slice(8));
    });

    it('begin anew for who comes in the middle', async () => {
      const documents = versions(6);
      for (const document of documents.slice(0, 3)) await group.api.publish('doc:middle', document);
      const ann = await connected(encoding, group.server.ws('/connection/websocket'));
      const sub = await subscribed(ann, 'doc:middle', { delta: 'fossil' });
      await shows(sub, 'doc:middle', documents.slice(3));
    });
  });
}
