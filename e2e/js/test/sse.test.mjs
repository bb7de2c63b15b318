// `/sse`: EventSource in a browser, and curl.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, it } from 'node:test';

import { page } from '../harness/browser.mjs';
import { run } from '../harness/binary.mjs';
import { API_KEY } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { curlEvents } from '../harness/events.mjs';
import { Network } from '../harness/network.mjs';
import { remember } from '../harness/opened.mjs';
import { serving } from '../harness/serving.mjs';

describe('EventSource', () => {
  const group = serving();

  it('streams to curl what curl publishes', async () => {
    const events = curlEvents(group.server.http('/sse?channels=chat:curl'));
    assert.ok((await events.next('connect')).data.connect.client);
    assert.equal((await events.next('subscribe')).data.channel, 'chat:curl');
    const published = await run('curl', [
      '-s', '-X', 'POST', group.server.http('/api/publish'),
      '-H', `X-API-Key: ${API_KEY}`,
      '-d', '{"channel":"chat:curl","data":{"text":"hello"}}',
    ]);
    assert.equal(JSON.parse(published.stdout).result.offset, 1);
    const { id, data } = await events.next('publication');
    assert.match(id, /\S/);
    assert.equal(data.channel, 'chat:curl');
    assert.deepEqual(data.pub.data, { text: 'hello' });
  });

  it('has the headers of an event stream', async () => {
    let shown = '';
    const curl = spawn('curl', ['-sNi', group.server.http('/sse?channels=chat:headers')]);
    remember(() => curl.kill());
    curl.stdout.setEncoding('utf8').on('data', (text) => (shown += text));
    await until(() => shown.includes('\r\n\r\n'), 'response head');
    const [head] = shown.split('\r\n\r\n');
    assert.match(head, /^HTTP\/1.1 200/);
    assert.match(head, /^content-type: text\/event-stream/im);
    assert.match(head, /^cache-control: .*no-(cache|store)/im);
    curl.kill();
  });

  it('recovers from Last-Event-ID, and from `since`', async () => {
    const url = group.server.http('/sse?channels=chat:last');
    const first = curlEvents(url);
    await first.next('connect');
    await group.api.publish('chat:last', 1);
    const { id } = await first.take((event) => event.data.pub, 'publication');
    first.stop();
    for (const n of [2, 3]) await group.api.publish('chat:last', n);
    const again = [
      curlEvents(url, [`Last-Event-ID: ${id}`]),
      curlEvents(`${url}&since=${encodeURIComponent(id)}`),
    ];
    for (const events of again) {
      const { subscribe } = (await events.take((event) => event.data.subscribe, 'subscribe')).data;
      assert.equal(subscribe.recovered, true);
      for (const n of [2, 3]) {
        const { data } = await events.take((event) => event.data.pub, `publication ${n}`);
        assert.equal(data.pub.data, n);
      }
    }
  });

  it('keeps a browser\'s EventSource supplied, also over a broken network', async () => {
    const network = await Network.to(group.server.port);
    const tab = await page(network.http('/'));
    await tab.evaluate(() => {
      globalThis.seen = [];
      globalThis.source = new EventSource('/sse?channels=chat:browser');
      globalThis.source.onmessage = (event) => {
        const push = JSON.parse(event.data);
        if (push.subscribe) globalThis.seen.push('subscribed');
        if (push.pub) globalThis.seen.push(push.pub.data);
      };
    });
    const seen = () => tab.evaluate(() => globalThis.seen);
    await until(async () => (await seen()).includes('subscribed'), 'EventSource subscribed');
    await group.api.publish('chat:browser', 'one');
    await until(async () => (await seen()).includes('one'), 'first publication');
    network.down();
    for (const text of ['two', 'three']) await group.api.publish('chat:browser', text);
    network.up();
    await until(async () => (await seen()).includes('three'), 'recovered publications', 30_000);
    await group.api.publish('chat:browser', 'four');
    await until(async () => (await seen()).includes('four'), 'live again');
    const texts = (await seen()).filter((item) => item !== 'subscribed');
    assert.deepEqual(texts, ['one', 'two', 'three', 'four']);
  });
});
