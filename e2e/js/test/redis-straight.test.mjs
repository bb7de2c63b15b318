// Publishing straight through Redis: by processes that have nothing of ours, with and without nodes.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Redis as Client } from 'ioredis';

import { Api } from '../harness/api.mjs';
import { ROOT } from '../harness/binary.mjs';
import { openTo } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { curlEvents } from '../harness/events.mjs';
import { closeAll } from '../harness/opened.mjs';
import { comeBack, texts } from '../harness/position.mjs';
import { Redis } from '../harness/redis.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { Server } from '../harness/server.mjs';
import { Socket } from '../harness/socket.mjs';
import { withJavaScript, withShell } from '../harness/straight.mjs';

const STREAM = { recovery: true, history_size: 1000, delta: true };
const NAMESPACES = { chat: STREAM, bare: {}, blob: { ...STREAM, binary: true } };

const hello = { text: 'hello' };

/** Starts a node over `redis`, and waits until it is ready. */
async function nodeOver(redis) {
  const changes = { storage: { backend: 'redis' }, redis: { urls: [redis.url()] } };
  const node = await Server.start({ config: openTo(NAMESPACES, changes) });
  await until(async () => (await fetch(node.admin('/ready'))).ok, 'a node that is ready');
  return node;
}

/** An EventSource at a position: waits for publications and returns their payloads. */
function eventsFrom(node, channel, { epoch, offset }) {
  const events = curlEvents(node.http(`/sse?channels=${channel}`), [`Last-Event-ID: ${epoch}.${offset}`]);
  return async (count) => {
    const heard = [];
    while (heard.length < count) {
      const { data } = await events.take((event) => event.data.pub, `publication ${heard.length + 1} of ${count}`);
      heard.push(data.pub.data);
    }
    return heard;
  };
}

for (const [language, publish] of [['JavaScript', withJavaScript], ['a shell', withShell]]) {
  describe(`the example for ${language}`, () => {
    let redis;
    const nodes = [];
    before(async () => (redis = await Redis.start()));
    after(async () => {
      await closeAll();
      for (const node of nodes) await node.stop();
      await redis?.stop();
    });

    it('publishes while no node runs, and what it published is delivered in order, once', async () => {
      const places = await publish(redis, [['chat:1', 1], ['chat:1', "it's 2"], ['chat:1', { n: 3 }]]);
      assert.deepEqual(places.map((place) => place.offset), [2, 3, 4], 'behind what the example published');
      nodes.push(await nodeOver(redis), await nodeOver(redis));
      const { epoch } = places[0];
      const first = eventsFrom(nodes[0], 'chat:1', { epoch, offset: 0 });
      assert.deepEqual(await first(4), [hello, 1, "it's 2", { n: 3 }]);
      const { socket, back } = await comeBack(nodes[1], 'chat:1', places[0]);
      assert.deepEqual([back.recovered, back.gap], [true, undefined]);
      assert.deepEqual(await texts(socket, 2), ["it's 2", { n: 3 }]);

      const [place] = await publish(redis, [['chat:1', 'live']]);
      assert.equal(place.offset, 6, 'the example publishes its own each time');
      await new Api(nodes[1]).publish('chat:1', 'by a node');
      const live = [hello, 'live', 'by a node'];
      assert.deepEqual([await first(3), await texts(socket, 3)], [live, live], 'on both nodes');
    });

    it('publishes once per idempotency key', async () => {
      const [socket] = await Promise.all([Socket.follow(nodes[0].ws(''), ['chat:once'])]);
      const [one, again, other] = await publish(redis, [
        ['chat:once', 'one', 'order-17'], ['chat:once', 'again', 'order-17'], ['chat:once', 'two', 'order-18'],
      ]);
      assert.deepEqual(again, { ...one, duplicate: true });
      assert.deepEqual([one.duplicate, other.duplicate, other.offset], [false, false, 2]);
      assert.deepEqual(await texts(socket, 2), ['one', 'two']);
    });
  });
}

describe('what is published past all nodes', () => {
  let redis, node, client;
  before(async () => {
    redis = await Redis.start();
    client = new Client(redis.url());
    client.defineCommand('place', { lua: readFileSync(path.join(ROOT, 'docs/publish.lua'), 'utf8') });
    node = await nodeOver(redis);
  });
  after(async () => {
    await closeAll();
    await client?.quit();
    await node?.stop();
    await redis?.stop();
  });

  function names(channel, tag = createHash('sha1').update(channel).digest('hex').slice(0, 2)) {
    const at = `trunkline:{${tag}}:`;
    const keys = [`${at}stream:${channel}`, `${at}top:${channel}`, `${at}server:`];
    return { keys, line: `${at}line:${channel}`, done: `${at}done:${channel}/` };
  }

  function place(channel, ...args) {
    const { keys, line } = names(channel);
    return client.place(keys.length, ...keys, line, ...args);
  }

  it('takes its place where it is no JSON, and breaks no client', async () => {
    const channel = 'chat:odd';
    const [json, protobuf] = ENCODINGS;
    const delta = { delta: 'fossil' };
    const subs = [];
    for (const encoding of [json, protobuf]) {
      const sdk = await connected(encoding, node.ws('/connection/websocket'));
      subs.push(await subscribed(sdk, channel, delta));
    }
    const plain = await Socket.follow(node.ws(''), [channel]);
    const long = (n) => JSON.stringify({ n, text: 'a sentence that stays as it is. '.repeat(8) });
    const payloads = [long(1), long(2), `no JSON\n${long(3)}`, long(4), long(5), '\u{feff}', '{"spread":\r\n6}'];
    for (const payload of payloads) await place(channel, payload);

    const seen = [1, 2, null, 4, 5, null].map((n) => n && JSON.parse(long(n))).concat({ spread: 6 });
    assert.deepEqual(await texts(plain, payloads.length), seen);
    const heard = async (sub) => {
      const got = [];
      while (got.length < payloads.length) got.push((await sub.events.publication.next()).data);
      return got;
    };
    assert.deepEqual(await heard(subs[0]), seen);
    const bytes = (await heard(subs[1])).map((data) => Buffer.from(data).toString());
    assert.deepEqual(bytes, payloads, 'who speaks Protobuf sees bytes');
    assert.ok(subs[0].deltaStats().numDeltaPayloads > 0, 'differences were used at all');
    const { publications } = await new Api(node).call('history', { channel, limit: 10 });
    assert.deepEqual(publications.map((publication) => publication.data), seen);
  });

  it('may be any bytes in a binary namespace', async () => {
    const [, protobuf] = ENCODINGS;
    const sdk = await connected(protobuf, node.ws('/connection/websocket'));
    const sub = await subscribed(sdk, 'blob:1');
    const bytes = Buffer.from([0, 255, 10, 13, 128]);
    await place('blob:1', bytes);
    assert.deepEqual(Buffer.from((await sub.events.publication.next()).data), bytes);
  });

  it('is passed on and not kept where it says so, as namespaces without history want it', async () => {
    const socket = await Socket.follow(node.ws(''), ['bare:1']);
    assert.equal(await place('bare:1', '"gone"', '', '0'), '0 - 0 0000000000000000');
    assert.deepEqual((await socket.json()).pub, { data: 'gone' });
    await place('bare:1', '"kept by mistake"');
    assert.equal((await socket.json()).pub.data, 'kept by mistake');
  });

  it('is kept as it says, or as long as what was there', async () => {
    const { keys } = names('chat:kept');
    await place('chat:kept', '1', '', '2', '3600000');
    for (const n of ['2', '3']) await place('chat:kept', n, '', '2');
    assert.equal(await client.xlen(keys[0]), 2);
    assert.ok((await client.pttl(keys[0])) > 3_000_000, 'an hour, not five minutes');
    await place('chat:kept', '4');
    assert.equal(await client.xlen(keys[0]), 3, 'nothing said takes nothing away');
  });

  it('is refused with a reason where arguments are wrong, and nothing changes', async () => {
    const channel = 'chat:wrong';
    const { keys, line, done } = names(channel);
    const cases = [
      [[], ['x'], 'wants 3 keys'],
      [keys, [line], '2 to 9 arguments'],
      [keys, [line, '1', ...Array(9).fill('')], '2 to 9 arguments'],
      [names(channel, '00').keys, [line, '1'], `the tag of this channel is ${keys[0].slice(11, 13)}`],
      [['stream:chat:wrong', ...keys.slice(1)], [line, '1'], 'the first key is not'],
      [[keys[0], keys[0], keys[2]], [line, '1'], 'not stream, top and server'],
      [keys, [names('chat:other').line, '1'], 'not the line of the channel'],
      [names('chat: x').keys, [line, '1'], 'no name of a channel'],
      [names('a'.repeat(256)).keys, [line, '1'], 'no name of a channel'],
      [names(':x').keys, [line, '1'], 'no name of a channel'],
      [[...keys, done], [line, '1'], 'the fourth key'],
      [[...keys, `${done}${'k'.repeat(129)}`], [line, '1'], 'the fourth key'],
      [keys, [line, '1', '', '', '', '', '', '', '1000'], 'under a fourth key'],
      [keys, [line, ''], 'data is empty'],
      [keys, [line, 'x'.repeat(524_289)], 'longer than 524288 bytes'],
      [keys, [line, '1', '', '-1'], 'argument 4'],
      [keys, [line, '1', '', '10', '0'], 'argument 5'],
      [keys, [line, '1', '', '10', '1', '1e3'], 'argument 6'],
      [keys, [line, '1', '', '', '', '', '9'.repeat(16)], 'argument 7'],
      [keys, [line, '1', '', '', '', '', '', 'a b'], 'the name of a stream'],
    ];
    const state = async () => (await client.keys('*')).sort();
    const before = await state();
    for (const [someKeys, args, reason] of cases) {
      const call = client.place(someKeys.length, ...someKeys, ...args);
      await assert.rejects(call, (error) => error.message.startsWith('ERR trunkline: ') && error.message.includes(reason), reason);
    }
    // What publications before left expires by itself meanwhile.
    assert.deepEqual((await state()).filter((key) => !before.includes(key)), []);
  });

  it('is refused by a full server, which keeps what it has', async () => {
    await place('chat:full', '1');
    await client.config('SET', 'maxmemory', '1');
    try {
      await assert.rejects(place('chat:full', '2'), /OOM/);
    } finally {
      await client.config('SET', 'maxmemory', '0');
    }
    assert.match(await place('chat:full', '3'), /^0 \S+ 2 /);
  });

  it('needs no more than the documented rights, and may not read others\' channels', async () => {
    const acl = readFileSync(path.join(ROOT, 'docs/redis.md'), 'utf8').match(/^ACL SETUSER publisher .*$/m)[0];
    await redis.ask(...acl.split(' '));
    const user = new Client(redis.url({ who: 'publisher:PUBLISHER-SECRET' }));
    user.defineCommand('place', { lua: readFileSync(path.join(ROOT, 'docs/publish.lua'), 'utf8') });
    const orders = names('orders:1');
    for (const keys of [orders.keys, [...orders.keys, `${orders.done}k`]]) {
      assert.match(await user.place(keys.length, ...keys, orders.line, '1', '', '1', '1000', '1'), /^0 /);
    }
    const chat = names('chat:1');
    await assert.rejects(user.place(3, ...chat.keys, chat.line, '1'), /NOPERM|can't access|No permissions/i);
    await assert.rejects(user.keys('*'), /NOPERM/);
    await user.quit();
  });
});
