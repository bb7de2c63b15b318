// Delta compression of texts in many languages, over restarts, and as it is on the wire.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import WebSocket from 'ws';

import { openTo } from '../harness/configuration.mjs';
import { Network } from '../harness/network.mjs';
import { ENCODINGS, away, connected, received, subscribed } from '../harness/sdk.mjs';
import { against, serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

const NAMESPACE = { recovery: true, history_size: 1000, delta: true };
const CONFIG = openTo({ doc: NAMESPACE, whole: { ...NAMESPACE, delta: false } });

/** Texts whose characters have more than one byte, and the words that replace each other in them. */
const LANGUAGES = {
  Russian: ['Съешь же ещё этих мягких французских булок, да выпей чаю. ', ['чаю', 'чай', 'часы', 'шаль', 'Я', 'ё']],
  Chinese: ['人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。', ['平等', '平安', '等等', '人', '众', '从']],
  emoji: ['👩‍👩‍👧‍👦 went to 🏔️ with 🐕‍🦺 and 🧗🏽‍♀️ at 🌄; ', ['🐕', '🐖', '🐗', '👩🏽', '👩🏿', '🇨🇿', '🇨🇭']],
  mixed: ['a\nb\t"c" \\ é € 𝄞 \u2028 <&> ', ['\u0000', '"', '𝄞', '𝄢', '€', '₭', '']],
};

/** Numbers that a seed determines, so that edits can be had again. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What one-word edits make of a text, one after the other, as documents. */
function edits(text, words, count, pick) {
  let letters = [...text.repeat(8)];
  return Array.from({ length: count }, (_, n) => {
    const word = words[pick(words.length)];
    const at = pick(letters.length);
    letters = [...letters.slice(0, at), ...word, ...letters.slice(at + pick(4))];
    return { n, body: letters.join('') };
  });
}

/** A WebSocket for the SDK that counts the bytes it receives. */
function counting() {
  const seen = { bytes: 0 };
  seen.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      // With Protobuf the SDK asks for `ArrayBuffer`s.
      this.on('message', (data) => (seen.bytes += data.length ?? data.byteLength));
    }
  };
  return seen;
}

for (const encoding of ENCODINGS) {
  describe(`deltas of texts, ${encoding.name}`, () => {
    const group = serving({ config: CONFIG });
    const connect = (to, options) => connected(encoding, to.ws('/connection/websocket'), options);

    for (const [language, [text, words]] of Object.entries(LANGUAGES)) {
      it(`${language}: subscribers see what was published, whenever they came`, async () => {
        const seed = Date.now() % 1_000_000;
        const documents = edits(text, words, 60, random(seed));
        const channel = `doc:${language}`;
        const [ann, bob, cyd] = await Promise.all([1, 2, 3].map(() => connect(group.server)));
        const early = await subscribed(ann, channel, { delta: 'fossil' });
        const plain = await subscribed(bob, channel);
        await group.api.publishAll(channel, documents.slice(0, 30));
        const late = await subscribed(cyd, channel, { delta: 'fossil' });
        for (const document of documents.slice(30)) await group.api.publish(channel, document);
        const message = `seed ${seed}`;
        assert.deepEqual((await received(encoding, early, 60)).texts, documents, message);
        assert.deepEqual((await received(encoding, plain, 60)).texts, documents, message);
        assert.deepEqual((await received(encoding, late, 30)).texts, documents.slice(30), message);
        assert.ok(early.deltaStats().numDeltaPayloads > 0, 'some came as differences');
      });
    }

    it('values of every kind follow each other', async () => {
      const values = [
        { a: 1 }, 'text', 'text', 0, null, [], '', { a: 2 }, 'x'.repeat(50_000), `${'x'.repeat(50_000)}y`,
        [1, 2, 3], [1, 2, 3, 4], true, 'ž'.repeat(100), 'š'.repeat(100),
      ];
      const ann = await connect(group.server);
      const sub = await subscribed(ann, 'doc:kinds', { delta: 'fossil' });
      for (const value of values) await sub.publish(encoding.encode(value));
      assert.deepEqual((await received(encoding, sub, values.length)).texts, values);
    });

    it('small edits of a large text cost a fraction on the wire', async () => {
      const [text, words] = LANGUAGES.Russian;
      const documents = edits(text.repeat(10), words, 50, random(1));
      const [small, large] = [counting(), counting()];
      const thrifty = await connect(group.server, { websocket: small.WebSocket });
      const plain = await connect(group.server, { websocket: large.WebSocket });
      const subs = [await subscribed(thrifty, 'doc:wire', { delta: 'fossil' }), await subscribed(plain, 'doc:wire')];
      await group.api.publishAll('doc:wire', documents);
      for (const sub of subs) assert.deepEqual((await received(encoding, sub, 50)).texts, documents);
      assert.ok(small.bytes * 5 < large.bytes, `${small.bytes} of ${large.bytes} bytes`);
    });

    it('go on over a restart of the node', async () => {
      await against({ config: CONFIG }, async (server, api) => {
        const [text, words] = LANGUAGES.Chinese;
        const documents = edits(text, words, 40, random(2));
        const network = await Network.to(server.port);
        const ann = await connect(network);
        const sub = await subscribed(ann, 'doc:back', { delta: 'fossil' });
        const publish = (from, to) => api.publishAll('doc:back', documents.slice(from, to));
        await publish(0, 10);
        assert.deepEqual((await received(encoding, sub, 10)).texts, documents.slice(0, 10));
        network.down();
        await away(sub);
        await publish(10, 20);
        await server.crash();
        await server.again();
        await publish(20, 30);
        network.up();
        assert.equal((await sub.events.subscribed.next()).recovered, true);
        await publish(30, 40);
        assert.deepEqual((await received(encoding, sub, 30)).texts, documents.slice(10));
      });
    });

    it('are not sent in a namespace without them', async () => {
      const ann = await connect(group.server);
      const sub = await subscribed(ann, 'whole:a', { delta: 'fossil' });
      const documents = edits('abc', ['d'], 3, random(3));
      await group.api.publishAll('whole:a', documents);
      assert.deepEqual((await received(encoding, sub, 3)).texts, documents);
      assert.equal(sub.deltaStats().numDeltaPayloads, 0);
    });
  });
}

describe('deltas on the wire', () => {
  const group = serving({ config: CONFIG });

  /** A connection of the Centrifuge protocol, by hand, and its subscription. */
  const subscribe = async (request) => {
    const socket = await Socket.open(group.server.ws('/connection/websocket'));
    await socket.ask({ id: 1, connect: {} });
    const reply = await socket.ask({ id: 2, subscribe: { delta: 'fossil', ...request } });
    return { socket, result: reply.subscribe };
  };

  it('the first publication is whole, the next ones are differences, both as strings', async () => {
    const { socket, result } = await subscribe({ channel: 'doc:raw' });
    assert.equal(result.delta, true);
    const first = { text: 'all of it '.repeat(20) };
    const pubs = [];
    for (const document of [first, { ...first, more: 1 }, 0]) {
      await group.api.publish('doc:raw', document);
      pubs.push((await socket.json('publication')).push.pub);
    }
    const [whole, difference, tiny] = pubs;
    assert.deepEqual([whole.delta, JSON.parse(whole.data)], [undefined, first]);
    assert.equal(difference.delta, true);
    assert.equal(typeof difference.data, 'string');
    assert.ok(difference.data.length < whole.data.length / 3, difference.data);
    assert.deepEqual([tiny.delta, tiny.data], [undefined, '0'], 'whole where a difference is no smaller');
  });

  it('a recovery begins whole', async () => {
    const documents = [1, 2, 3].map((n) => ({ text: 'all of it '.repeat(20), n }));
    const [{ epoch }] = await group.api.publishAll('doc:rec', documents);
    const { result } = await subscribe({ channel: 'doc:rec', recover: true, epoch, offset: 1 });
    assert.deepEqual([result.recovered, result.delta], [true, true]);
    const [item] = result.publications;
    assert.deepEqual([item.delta, JSON.parse(item.data)], [undefined, documents[1]]);
  });

  it('plain sockets receive whole publications', async () => {
    const socket = await Socket.follow(group.server.ws(''), []);
    const { subscribe: result } = await socket.ask({ id: 1, subscribe: { channel: 'doc:plain', delta: 'fossil' } });
    assert.equal(result.delta, undefined);
    await group.api.publishAll('doc:plain', [{ a: 1 }, { a: 2 }]);
    for (const a of [1, 2]) assert.deepEqual((await socket.json()).pub.data, { a });
  });
});
