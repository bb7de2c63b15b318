// Clients that stop reading: what becomes of them, and of what was meant for them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import WebSocket from 'ws';

import { openTo } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { curlEvents } from '../harness/events.mjs';
import { metric } from '../harness/metrics.mjs';
import { ENCODINGS, connected, received, subscribed } from '../harness/sdk.mjs';
import { against, serving } from '../harness/serving.mjs';
import { Wire } from '../harness/wire.mjs';

/** Little room, and time for a flood on a busy machine: who does not read does not answer pings either. */
const SMALL = { frame_bytes: '16KiB', message_bytes: '16KiB', outbound_bytes: '64KiB', lag: '10m', ping: '1h', pong: '30m' };
const STREAM = { presence: true, recovery: true, history_size: 10_000, history_bytes: '64MiB' };
const NAMESPACES = {
  stream: STREAM,
  short: { ...STREAM, history_size: 50 },
  close: { presence: true },
  oldest: { presence: true, overflow: 'drop_oldest' },
  latest: { presence: true, overflow: 'keep_latest' },
};
const CONFIG = openTo(NAMESPACES, { limits: SMALL });

const PARKED = 'trunkline_parked_total';
const DROPPED = 'trunkline_messages_dropped_total';
const CLOSED = 'trunkline_slow_closes_total';

/** About what the kernels hold for a socket that nobody reads, at 10 kB each, and then some. */
const FLOOD = 1000;
const PAD = 'x'.repeat(10_000);

/** Numbered publications. */
const numbers = (from, count) => Array.from({ length: count }, (_, n) => ({ n: from + n, pad: PAD }));

/**
 * Publishes, so many at once, until the server has noticed that somebody does not read, which it
 * counts, and then some more; returns how many publications that were.
 */
async function flood({ server, api }, channel, noticed, more = 400, atOnce = FLOOD) {
  const before = await metric(server, noticed);
  let count = 0;
  await until(async () => {
    await api.publishAll(channel, numbers(count, atOnce));
    count += atOnce;
    return (await metric(server, noticed)) > before;
  }, `${noticed} rises`);
  await api.publishAll(channel, numbers(count, more));
  return count + more;
}

/** A raw `/ws` that is subscribed, and has stopped reading. */
async function stuck(server, channel) {
  const wire = await Wire.upgrade(server, `/ws?channels=${channel}`);
  const frame = async (what) => JSON.parse((await wire.frames.next(what)).payload);
  await frame('connect');
  await frame('subscribe');
  wire.socket.pause();
  wire.push = frame;
  return wire;
}

const present = async (api, channel) => (await api.call('presence_stats', { channel })).num_clients;

describe('a client that does not read', () => {
  const group = serving({ config: CONFIG });

  it('in a stream: stays, and reads all of it later, in order', async () => {
    const wire = await stuck(group.server, 'stream:a');
    const count = await flood(group, 'stream:a', PARKED);
    assert.equal(await present(group.api, 'stream:a'), 1);
    wire.socket.resume();
    for (let n = 0; n < count; n += 1) {
      const { pub } = await wire.push(`publication ${n}`);
      assert.deepEqual([pub.data.n, pub.offset], [n, n + 1]);
    }
    await group.api.publish('stream:a', 'live');
    assert.equal((await wire.push('live')).pub.data, 'live');
    assert.deepEqual(wire.frames.waiting, []);
  });

  it('in a stream: is told of a gap when what it has not read is gone, and goes on', async () => {
    const wire = await stuck(group.server, 'short:a');
    const count = await flood(group, 'short:a', PARKED);
    wire.socket.resume();
    let last = 0;
    let gap;
    while (last < count) {
      const push = await wire.push(`what follows ${last}`);
      if (push.gap) {
        assert.equal(gap, undefined, 'told once');
        ({ gap } = push);
        assert.equal(gap.reason, 'trimmed');
        assert.ok(gap.offset > last && gap.epoch && gap.tag, JSON.stringify(gap));
        last = gap.offset;
      } else {
        assert.equal(push.pub.offset, last + 1);
        last = push.pub.offset;
      }
    }
    assert.ok(gap, 'a gap was told');
    await group.api.publish('short:a', 'live');
    assert.deepEqual((await wire.push('live')).pub.data, 'live');
  });

  it('of an event stream: the same, with a gap as an event', async () => {
    for (const [channel, whole] of [['stream:sse', true], ['short:sse', false]]) {
      const events = curlEvents(group.server.http(`/sse?channels=${channel}`));
      await events.take((event) => event.data.subscribe, 'subscribe');
      events.freeze();
      const count = await flood(group, channel, PARKED);
      events.thaw();
      let last = 0;
      let gaps = 0;
      while (last < count) {
        const { id, data } = await events.take((event) => event.id, `what follows ${last}`);
        const place = data.pub ?? data.gap;
        if (data.gap) gaps += 1;
        else assert.equal(place.offset, last + 1);
        assert.match(id, new RegExp(`\\.${place.offset}~${place.tag}$`));
        last = place.offset;
      }
      assert.equal(gaps, whole ? 0 : 1, channel);
      events.stop();
    }
  });

  it('in a channel that drops the oldest: stays, and hears the last ones', async () => {
    const wire = await stuck(group.server, 'oldest:a');
    const count = await flood(group, 'oldest:a', DROPPED);
    assert.equal(await present(group.api, 'oldest:a'), 1);
    const heard = await drain(wire, 'oldest:a', count);
    assert.deepEqual(heard.slice(-3), [count - 3, count - 2, count - 1]);
  });

  it('in a channel that keeps the latest: stays, and hears the last one', async () => {
    const wire = await stuck(group.server, 'latest:a');
    const count = await flood(group, 'latest:a', DROPPED);
    assert.equal(await present(group.api, 'latest:a'), 1);
    const heard = await drain(wire, 'latest:a', count);
    assert.ok(heard.at(-2) < count - 2, 'those between are gone');
  });

  it('in another channel: is closed as slow', async () => {
    const wire = await stuck(group.server, 'close:a');
    await assertClosed(wire, group, 'close:a');
  });

  it('in a stream and another channel: the stream waits, the other one closes', async () => {
    const wire = await Wire.upgrade(group.server, '/ws?channels=stream:two,close:two');
    for (const what of ['connect', 'subscribe', 'subscribe']) await wire.frames.next(what);
    wire.socket.pause();
    await flood(group, 'stream:two', PARKED);
    assert.equal(await present(group.api, 'stream:two'), 1);
    await flood(group, 'close:two', CLOSED, 0);
    await until(async () => (await present(group.api, 'stream:two')) === 0, 'it is gone');
  });

  /** Reads on until a marker comes; returns the numbers heard before it, which must rise. */
  async function drain(wire, channel, count) {
    wire.socket.resume();
    const heard = [];
    while (heard.at(-1) !== count - 1) heard.push((await wire.push(`the last of ${channel}`)).pub.data.n);
    await group.api.publish(channel, 'marker');
    assert.equal((await wire.push('marker')).pub.data, 'marker');
    assert.ok(heard.every((n, at) => at === 0 || n > heard[at - 1]), 'in order, and once');
    assert.ok(heard.length < count, 'not all of it');
    return heard;
  }
});

/** Publishes until a client that does not read is closed for it; it then hears why. */
async function assertClosed(wire, group, channel) {
  const before = await metric(group.server, CLOSED);
  // It has a few seconds to read the reason, which the flood may take longer than; and it is flooded no further.
  const flooding = flood(group, channel, CLOSED, 0, FLOOD / 5);
  await until(async () => (await metric(group.server, CLOSED)) > before, 'it is closed');
  wire.socket.resume();
  assert.deepEqual(await wire.closed(), { code: 3008, reason: 'slow' });
  await flooding;
  assert.equal(await present(group.api, channel), 0);
}

describe('a client that does not read for too long', () => {
  it('is closed as slow though its stream waits for it', async () => {
    const limits = { ...SMALL, lag: '500ms' };
    await against({ config: openTo(NAMESPACES, { limits }) }, async (server, api) => {
      const wire = await stuck(server, 'stream:a');
      await assertClosed(wire, { server, api }, 'stream:a');
      assert.ok((await metric(server, PARKED)) > 0, 'not before its stream had waited');
    });
  });
});

for (const encoding of ENCODINGS) {
  describe(`an SDK that does not read, ${encoding.name}`, () => {
    const group = serving({ config: CONFIG });

    /** An SDK that is subscribed, and its socket, paused. */
    const stuckSdk = async (channel) => {
      let socket;
      const Tracked = class extends WebSocket {
        constructor(...args) {
          super(...args);
          socket = this;
        }
      };
      const sdk = await connected(encoding, group.server.ws('/connection/websocket'), { websocket: Tracked });
      const sub = await subscribed(sdk, channel);
      socket.pause();
      return { sdk, sub, socket };
    };

    it('in a stream: reads all of it later, on the same connection', async () => {
      const { sdk, sub, socket } = await stuckSdk('stream:sdk');
      const count = await flood(group, 'stream:sdk', PARKED);
      socket.resume();
      const { texts, offsets } = await received(encoding, sub, count);
      assert.deepEqual(texts.map((data) => data.n), Array.from({ length: count }, (_, n) => n));
      assert.deepEqual(offsets, Array.from({ length: count }, (_, n) => n + 1));
      assert.deepEqual(sdk.events.disconnected.waiting, []);
      assert.deepEqual(sub.events.subscribing.waiting.length, 1, 'only when it began');
    });

    it('in a stream that is trimmed meanwhile: is told, and goes on', async () => {
      const { sub, socket } = await stuckSdk('short:sdk');
      const count = await flood(group, 'short:sdk', PARKED);
      socket.resume();
      await sub.events.subscribing.take((context) => context.code === 2500, 'the subscription ended with 2500');
      const back = await sub.events.subscribed.next('subscribed again');
      assert.deepEqual([back.wasRecovering, back.recovered], [true, false]);
      await group.api.publish('short:sdk', 'live');
      const live = await sub.events.publication.take((p) => encoding.decode(p.data) === 'live', 'live');
      assert.equal(live.offset, count + 1);
    });
  });
}
