// EventSource over breaks: it reconnects with `Last-Event-ID` and receives exactly what it missed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { page } from '../harness/browser.mjs';
import { openTo } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { curlEvents } from '../harness/events.mjs';
import { eventId } from '../harness/position.mjs';
import { against, serving } from '../harness/serving.mjs';

const STREAM = { recovery: true, history_size: 100 };
const CONFIG = openTo(
  { stream: STREAM, short: { ...STREAM, history_size: 3 } },
  { client: { anonymous: true, insecure: true, page: true } },
);

const isPub = (event) => event.data.pub;

/** Reads a stream of `channel` from `id` on: how it was subscribed, and `count` publications. */
async function comeBack(server, channel, id, count) {
  const events = curlEvents(server.http(`/sse?channels=${channel}`), id ? [`Last-Event-ID: ${id}`] : []);
  const { data } = await events.take((event) => event.data.subscribe, 'subscribe');
  const heard = [];
  while (heard.length < count) heard.push(await events.take(isPub, `publication ${heard.length + 1} of ${count}`));
  return { events, back: data.subscribe, heard, texts: heard.map((event) => event.data.pub.data) };
}

describe('Last-Event-ID', () => {
  const group = serving({ config: CONFIG });

  it('is the position with its tag', async () => {
    const { events } = await comeBack(group.server, 'stream:id', undefined, 0);
    const place = await group.api.publish('stream:id', 1);
    const { id, data } = await events.take(isPub, 'publication');
    assert.equal(id, eventId(place));
    assert.equal(data.pub.tag, place.tag);
  });

  it('a gap is told in the event, and the stream goes on', async () => {
    const places = await group.api.publishAll('short:gaps', [1, 2, 3, 4, 5]);
    const [first, , , fourth, fifth] = places;
    const cases = [
      [first, 'trimmed'],
      [{ ...fourth, tag: '0123456789abcdef' }, 'forked'],
      [{ ...fifth, epoch: 'another' }, 'epoch_changed'],
    ];
    for (const [place, reason] of cases) {
      const id = eventId(place);
      const { events, back } = await comeBack(group.server, 'short:gaps', id, 0);
      assert.deepEqual([back.was_recovering, back.recovered, back.gap], [true, undefined, { reason }], id);
      await group.api.publish('short:gaps', reason);
      assert.equal((await events.take(isPub, 'it goes on')).data.pub.data, reason);
      events.stop();
    }
  });
});

describe('EventSource over a crash', () => {
  it('curl: exactly the missed events', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      const first = await comeBack(server, 'stream:curl', undefined, 0);
      await api.publishAll('stream:curl', ['one', 'two']);
      await first.events.take(isPub, 'one');
      const { id } = await first.events.take(isPub, 'two');
      await server.crash();
      await first.events.ended();
      await server.again();
      const nothing = await comeBack(server, 'stream:curl', id, 0);
      assert.equal(nothing.back.recovered, true);
      await api.publishAll('stream:curl', ['three', 'four']);
      const second = await comeBack(server, 'stream:curl', id, 2);
      assert.equal(second.back.recovered, true);
      assert.deepEqual(second.texts, ['three', 'four']);
      await server.end();
      await server.again();
      await api.publish('stream:curl', 'five');
      const third = await comeBack(server, 'stream:curl', second.heard[0].id, 2);
      assert.deepEqual(third.texts, ['four', 'five']);
      assert.deepEqual(third.events.waiting.filter(isPub), []);
    });
  });

  it('a browser: by itself, nothing missed and nothing twice', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      const tab = await page(server.http('/'));
      await tab.evaluate(() => {
        globalThis.seen = [];
        globalThis.source = new EventSource('/sse?channels=stream:browser');
        globalThis.source.onmessage = (event) => {
          const { subscribe, pub } = JSON.parse(event.data);
          if (subscribe) globalThis.seen.push({ recovered: Boolean(subscribe.recovered), epoch: subscribe.epoch });
          if (pub) globalThis.seen.push(pub.data);
        };
      });
      const seen = () => tab.evaluate(() => globalThis.seen);
      const sees = (text) => until(async () => (await seen()).includes(text), text, 30_000);
      await until(async () => (await seen()).length === 1, 'EventSource subscribed');
      await api.publish('stream:browser', 'one');
      await sees('one');
      for (const [n, end] of [() => server.crash(), () => server.end()].entries()) {
        await end();
        await server.again();
        await api.publishAll('stream:browser', [`missed ${n}`, `missed too ${n}`]);
        await sees(`missed too ${n}`);
        await api.publish('stream:browser', `live ${n}`);
        await sees(`live ${n}`);
      }
      const all = await seen();
      const texts = all.filter((item) => typeof item === 'string');
      assert.deepEqual(texts, [
        'one', 'missed 0', 'missed too 0', 'live 0', 'missed 1', 'missed too 1', 'live 1',
      ]);
      const subscriptions = all.filter((item) => item.epoch);
      assert.deepEqual(subscriptions.map((item) => item.recovered), [false, true, true]);
      assert.equal(new Set(subscriptions.map((item) => item.epoch)).size, 1);
    });
  });
});
