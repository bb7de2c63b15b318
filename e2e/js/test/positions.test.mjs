// Positions on plain `/ws`: with tags that prove them, and with the reason where they cannot be
// come back to.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { openTo } from '../harness/configuration.mjs';
import { at, comeBack, texts } from '../harness/position.mjs';
import { against, serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

const STREAM = { recovery: true, history_size: 100 };
const CONFIG = openTo({
  stream: STREAM,
  short: { ...STREAM, history_size: 3 },
  limited: { ...STREAM, recovery_limit: 3 },
  placed: { history_size: 100, positioning: true },
});

const TAG = /^[0-9a-f]{16}$/;

/** A tag that no publication of a test has. */
const OTHER_TAG = '0123456789abcdef';

const follow = (server, channels, query) => Socket.follow(server.ws(''), channels, { query });

describe('positions of a plain WebSocket', () => {
  const group = serving({ config: CONFIG });

  it('stand in subscriptions, publications and history, each with its tag', async () => {
    const [first, second] = await group.api.publishAll('stream:tags', [1, 2]);
    assert.match(first.tag, TAG);
    assert.notEqual(second.tag, first.tag);
    const socket = await follow(group.server, ['stream:tags']);
    const { epoch, offset, tag } = socket.subs['stream:tags'];
    assert.deepEqual({ epoch, offset, tag }, second);
    const third = await group.api.publish('stream:tags', 3);
    const { pub } = await socket.json('publication');
    assert.deepEqual([pub.offset, pub.tag], [third.offset, third.tag]);
    const { history } = await socket.ask({ id: 1, history: { channel: 'stream:tags', limit: 10 } });
    assert.deepEqual(history.publications.map((p) => p.tag), [first.tag, second.tag, third.tag]);
    assert.deepEqual([history.epoch, history.offset, history.tag], [epoch, 3, third.tag]);
  });

  it('are come back to with `since`, with and without the tag', async () => {
    const [first] = await group.api.publishAll('stream:back', ['one', 'two', 'three']);
    for (const position of [first, { ...first, tag: undefined }]) {
      const { socket, back } = await comeBack(group.server, 'stream:back', position);
      assert.deepEqual([back.was_recovering, back.recovered, back.gap], [true, true, undefined]);
      assert.deepEqual([back.offset, back.tag], [1, first.tag]);
      assert.deepEqual(await texts(socket, 2), ['two', 'three']);
      socket.destroy();
    }
  });

  it('are come back to for each of several channels', async () => {
    const [a] = await group.api.publishAll('stream:x', ['x1', 'x2']);
    const [, b] = await group.api.publishAll('stream:y', ['y1', 'y2', 'y3']);
    const query = `&since.stream:x=${at(a)}&since.stream:y=${at(b)}`;
    const socket = await Socket.open(group.server.ws(`/ws?channels=stream:x,stream:y,stream:z${query}`));
    await socket.json('connect');
    const subs = {};
    const heard = [];
    while (Object.keys(subs).length < 3 || heard.length < 2) {
      const { channel, subscribe, pub } = await socket.json('subscriptions and what was missed');
      if (subscribe) subs[channel] = subscribe;
      else heard.push([channel, pub.data]);
    }
    assert.deepEqual(heard.sort(), [['stream:x', 'x2'], ['stream:y', 'y3']]);
    assert.deepEqual([subs['stream:x'].recovered, subs['stream:y'].recovered], [true, true]);
    assert.equal(subs['stream:z'].was_recovering, undefined);
  });

  it('are come back to by command', async () => {
    const [first] = await group.api.publishAll('stream:cmd', ['one', 'two']);
    const socket = await follow(group.server, []);
    const subscribe = { channel: 'stream:cmd', recover: true, ...first };
    const { subscribe: back } = await socket.ask({ id: 1, subscribe });
    assert.equal(back.recovered, true);
    assert.deepEqual(back.publications.map((p) => p.data), ['two']);
    const again = await follow(group.server, []);
    const forked = await again.ask({ id: 1, subscribe: { ...subscribe, tag: OTHER_TAG } });
    assert.deepEqual([forked.subscribe.recovered, forked.subscribe.gap], [undefined, { reason: 'forked' }]);
    const refused = await (await follow(group.server, [])).ask({ id: 1, subscribe: { ...subscribe, tag: 'x' } });
    assert.equal(refused.error.code, 107);
  });

  it('trimmed: what was missed is kept no more', async () => {
    const [first] = await group.api.publishAll('short:t', [1, 2, 3, 4, 5]);
    const { socket, back } = await comeBack(group.server, 'short:t', first);
    assert.deepEqual([back.was_recovering, back.recovered, back.gap], [true, undefined, { reason: 'trimmed' }]);
    assert.equal(back.offset, 5);
    await group.api.publish('short:t', 6);
    assert.deepEqual(await texts(socket, 1), [6], 'it goes on from there');
    const { publications: [oldest] } = await group.api.call('history', { channel: 'short:t', limit: 1 });
    const still = await comeBack(group.server, 'short:t', { epoch: first.epoch, ...oldest });
    assert.equal(still.back.recovered, true);
    assert.deepEqual(await texts(still.socket, 2), [5, 6]);
  });

  it('limit: more was missed than one recovery hands over', async () => {
    const [first] = await group.api.publishAll('limited:l', [1, 2, 3, 4, 5]);
    const { socket, back } = await comeBack(group.server, 'limited:l', first);
    assert.deepEqual([back.recovered, back.gap, back.offset], [undefined, { reason: 'limit' }, 5]);
    const history = { channel: 'limited:l', limit: 10, since: first };
    const page = await socket.ask({ id: 1, history });
    assert.deepEqual(page.history.publications.map((p) => p.data), [2, 3, 4, 5]);
  });

  it('forked: the tag is another one, or the stream has not come so far', async () => {
    const [, second, third] = await group.api.publishAll('stream:f', [1, 2, 3]);
    for (const position of [{ ...second, tag: OTHER_TAG }, { ...third, tag: second.tag }, { ...third, offset: 9 }]) {
      const { back } = await comeBack(group.server, 'stream:f', position);
      assert.deepEqual([back.recovered, back.gap, back.offset], [undefined, { reason: 'forked' }, 3], at(position));
    }
    const socket = await follow(group.server, []);
    const since = { ...second, tag: OTHER_TAG };
    const page = await socket.ask({ id: 1, history: { channel: 'stream:f', limit: 10, since } });
    assert.equal(page.error.code, 112);
  });

  it('epoch_changed: the stream is another one', async () => {
    const top = await group.api.publish('stream:e', 1);
    const { back } = await comeBack(group.server, 'stream:e', { ...top, epoch: 'another' });
    assert.deepEqual([back.recovered, back.gap], [undefined, { reason: 'epoch_changed' }]);
  });

  it('a channel without recovery has positions, and is not come back to', async () => {
    const [first] = await group.api.publishAll('placed:p', [1, 2]);
    const { back } = await comeBack(group.server, 'placed:p', first);
    assert.deepEqual([back.positioned, back.recoverable, back.recovered, back.offset], [true, undefined, undefined, 2]);
  });

  it('a URL with a position that is none is refused', async () => {
    const queries = [
      'channels=stream:a,stream:b&since=e.1', 'channels=stream:a&since.stream:b=e.1', 'channels=stream:a&since=e.1~x',
      `channels=stream:a&since=e.1~${OTHER_TAG}0`, 'channels=stream:a&since=e',
    ];
    for (const query of queries) {
      await assert.rejects(Socket.open(group.server.ws(`/ws?${query}`)), { status: 400 }, query);
    }
  });

  it('a snapshot, then the stream: nothing between the two is missed or doubled', async () => {
    const stored = [];
    const publish = async (value) => {
      stored.push(value); // first into the application's own store
      await group.api.publish('stream:snap', value);
    };
    for (const value of ['a', 'b']) await publish(value);
    const socket = await follow(group.server, []);
    const { history } = await socket.ask({ id: 1, history: { channel: 'stream:snap' } });
    assert.deepEqual(history.publications, []);
    const snapshot = [...stored];
    for (const value of ['c', 'd']) await publish(value);
    const { epoch, offset, tag } = history;
    const subscribe = { channel: 'stream:snap', recover: true, epoch, offset, tag };
    const { subscribe: back } = await socket.ask({ id: 2, subscribe });
    assert.equal(back.recovered, true);
    await publish('e');
    const live = await texts(socket, 1);
    assert.deepEqual([...snapshot, ...back.publications.map((p) => p.data), ...live], stored);
  });
});

describe('positions over a restart', () => {
  for (const [name, end] of [['kill -9', (server) => server.crash()], ['a graceful one', (server) => server.end()]]) {
    it(`${name}: stay what they were, tags included`, async () => {
      await against({ config: CONFIG }, async (server, api) => {
        const places = await api.publishAll('stream:r', [1, 2, 3]);
        await end(server);
        await server.again();
        assert.deepEqual(await api.top('stream:r'), places[2]);
        const next = await api.publish('stream:r', 4);
        assert.deepEqual([next.epoch, next.offset], [places[0].epoch, 4]);
        for (const [n, place] of places.entries()) {
          const { socket, back } = await comeBack(server, 'stream:r', place);
          assert.equal(back.recovered, true);
          assert.deepEqual(await texts(socket, 3 - n), [2, 3, 4].slice(n));
        }
      });
    });
  }

  it('a deleted directory: epoch_changed', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      const place = await api.publish('stream:d', 1);
      await server.end();
      await server.forget();
      await server.again();
      await api.publish('stream:d', 'new');
      const { back } = await comeBack(server, 'stream:d', place);
      assert.deepEqual([back.recovered, back.gap, back.offset], [undefined, { reason: 'epoch_changed' }, 1]);
    });
  });
});
