// `/ws`: no SDK, one JSON object per frame.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';

import { ROOT } from '../harness/binary.mjs';
import { configuration } from '../harness/configuration.mjs';
import { Mailbox, within } from '../harness/deadline.mjs';
import { remember } from '../harness/opened.mjs';
import { serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

describe('plain WebSocket', () => {
  const group = serving();
  const open = (channels, query) => Socket.follow(group.server.ws(''), channels, { query });

  it('is greeted with a connect object first, then with one for each channel', async () => {
    const socket = await open(['chat:a', 'chat:b']);
    assert.match(socket.client, /\S/);
    assert.deepEqual(Object.keys(socket.subs), ['chat:a', 'chat:b']);
    for (const sub of Object.values(socket.subs)) assert.match(sub.epoch, /\S/);
  });

  it('receives publications of its channels as {"channel","pub"}', async () => {
    const socket = await open(['chat:one', 'chat:two']);
    await group.api.publish('chat:two', { n: 2 });
    await group.api.publish('chat:other', 'not for it');
    await group.api.publish('chat:one', 'text');
    const first = await socket.json();
    assert.equal(first.channel, 'chat:two');
    assert.deepEqual(first.pub.data, { n: 2 });
    assert.equal(first.pub.offset, 1);
    assert.deepEqual((await socket.json()).pub.data, 'text');
  });

  it('puts one object into one frame, however fast they come', async () => {
    const socket = await open(['chat:burst']);
    const commands = Array.from({ length: 200 }, (_, n) => ({
      publish: { channel: 'chat:burst', data: n },
    }));
    await group.api.call('batch', { commands });
    for (let n = 0; n < 200; n += 1) {
      const frame = await socket.frames.next(`frame ${n}`);
      assert.ok(!frame.includes('\n'));
      assert.equal(JSON.parse(frame).pub.data, n);
    }
  });

  it('takes commands with ids, and answers them', async () => {
    const [ann, bob] = [await open(['chat:cmd']), await open([])];
    const sub = await bob.ask({ id: 1, subscribe: { channel: 'chat:cmd' } });
    assert.ok(sub.subscribe);
    const reply = await ann.ask({ id: 2, publish: { channel: 'chat:cmd', data: 'hi' } });
    assert.deepEqual(reply, { id: 2, publish: {} });
    assert.equal((await bob.json()).pub.data, 'hi');
    const own = JSON.parse(await ann.frames.take((text) => JSON.parse(text).pub, 'its own publication'));
    assert.equal(own.pub.info.client, ann.client);
    assert.deepEqual(await bob.ask({ id: 3, unsubscribe: { channel: 'chat:cmd' } }), { id: 3, unsubscribe: {} });
    const past = await bob.ask({ id: 4, history: { channel: 'chat:cmd', limit: 10 } });
    assert.deepEqual(past.history.publications.map((p) => p.data), ['hi']);
    const who = await bob.ask({ id: 5, presence: { channel: 'chat:cmd' } });
    assert.deepEqual(Object.keys(who.presence.presence), [ann.client]);
    const none = await bob.ask({ id: 6, rpc: { method: 'x', data: {} } });
    assert.equal(none.error.code, 108);
  });

  it('recovers with `since`', async () => {
    const socket = await open(['chat:since']);
    for (const n of [1, 2, 3]) await group.api.publish('chat:since', n);
    const { epoch } = await group.api.call('history', { channel: 'chat:since' });
    await socket.close();
    const back = await open(['chat:since'], `&since=${epoch}.1`);
    assert.equal(back.subs['chat:since'].recovered, true);
    await group.api.publish('chat:since', 4);
    for (const n of [2, 3, 4]) assert.equal((await back.json(`publication ${n}`)).pub.data, n);
  });

  it('works with wscat, as a person would use it', async () => {
    const wscat = spawn(
      path.join(ROOT, 'e2e/js/node_modules/.bin/wscat'),
      ['--no-color', '-c', group.server.ws('/ws?channels=chat:wscat')],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    remember(() => wscat.kill());
    const lines = new Mailbox('output of wscat');
    let rest = '';
    wscat.stdout.setEncoding('utf8').on('data', (text) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      parts.filter((line) => line.includes('{')).forEach((line) => lines.put(line.replace(/^[^{]*/, '')));
    });
    const ended = new Promise((resolve) => wscat.on('close', resolve));
    const json = async () => JSON.parse(await lines.next());

    assert.ok((await json()).connect.client);
    assert.equal((await json()).channel, 'chat:wscat');
    wscat.stdin.write('{"id":1,"publish":{"channel":"chat:wscat","data":"typed"}}\n');
    const answers = [await json(), await json()];
    assert.equal(answers.find((frame) => frame.pub).pub.data, 'typed');
    assert.deepEqual(answers.find((frame) => frame.id), { id: 1, publish: {} });
    await group.api.publish('chat:wscat', 'from the server');
    assert.equal((await json()).pub.data, 'from the server');
    wscat.kill();
    await within(ended, 'end of wscat');
  });

  it('refuses a URL that makes no sense with HTTP 400', async () => {
    const queries = [
      `channels=${'x'.repeat(256)}`, 'channels=chat:a%20b', 'channels=chat:a&since=nowhere',
      'channels=chat:a,chat:b&since=epoch.1', 'channels=chat:a&format=xml',
    ];
    for (const query of queries) {
      await assert.rejects(Socket.open(group.server.ws(`/ws?${query}`)), { status: 400 }, query.slice(0, 40));
    }
  });
});

describe('plain WebSocket outside --dev', () => {
  const allowed = 'https://app.example';
  const group = serving({ config: configuration({ client: { anonymous: true, insecure: true } }) });
  const listed = serving({
    config: configuration({ client: { anonymous: true, insecure: true, allowed_origins: [allowed] } }),
  });
  const knock = async ({ server }, origin) => {
    const socket = await Socket.open(server.ws('/ws?channels=chat:a'), { origin });
    return (await socket.json()).connect;
  };

  it('is open to its own pages and to programs, not to pages from elsewhere', async () => {
    assert.ok(await knock(group, undefined));
    assert.ok(await knock(group, group.server.http('')));
    for (const origin of ['https://evil.example', `${group.server.http('')}0`, 'null']) {
      await assert.rejects(knock(group, origin), { status: 403 }, origin);
    }
  });

  it('is open to the pages of a list, exactly', async () => {
    assert.ok(await knock(listed, allowed));
    for (const origin of [`${allowed}.evil.example`, 'http://app.example', `${allowed}:8443`]) {
      await assert.rejects(knock(listed, origin), { status: 403 }, origin);
    }
  });
});
