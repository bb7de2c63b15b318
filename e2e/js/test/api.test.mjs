// The server API, method by method: shapes and error codes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { API_KEY, configuration } from '../harness/configuration.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';
import { inSeconds, sign } from '../harness/token.mjs';

describe('server API', () => {
  const group = serving({ config: configuration() });
  const connectAs = (user, claims = {}) =>
    connected(ENCODINGS[0], group.server.ws('/connection/websocket'), {
      token: sign({ sub: user, exp: inSeconds(600), ...claims }),
    });

  it('publish: an offset and an epoch', async () => {
    const first = await group.api.publish('chat:publish', { a: 1 });
    const second = await group.api.publish('chat:publish', 'text');
    assert.deepEqual([first.offset, second.offset], [1, 2]);
    assert.match(first.epoch, /\S/);
    assert.equal(second.epoch, first.epoch);
  });

  it('publish: b64data, and skip_history', async () => {
    const b64data = Buffer.from('{"from":"base64"}').toString('base64');
    await group.api.call('publish', { channel: 'chat:b64', b64data });
    await group.api.publish('chat:b64', 'unkept', { skip_history: true });
    const { publications } = await group.api.call('history', { channel: 'chat:b64', limit: 10 });
    assert.deepEqual(publications.map((p) => p.data), [{ from: 'base64' }]);
  });

  it('publish: an idempotency key makes a repeat harmless', async () => {
    const once = await group.api.publish('chat:idem', 1, { idempotency_key: 'k' });
    const twice = await group.api.publish('chat:idem', 1, { idempotency_key: 'k' });
    const other = await group.api.publish('chat:idem', 2, { idempotency_key: 'l' });
    const elsewhere = await group.api.publish('chat:idem-2', 1, { idempotency_key: 'k' });
    assert.deepEqual(twice, once);
    assert.deepEqual([other.offset, elsewhere.offset], [2, 1]);
    const { publications } = await group.api.call('history', { channel: 'chat:idem', limit: -1 });
    assert.equal(publications.length, 2);
  });

  it('publish: to a channel without history', async () => {
    assert.deepEqual(await group.api.publish('bare:x', 1), {});
  });

  it('broadcast: one answer per channel, in order', async () => {
    const { responses } = await group.api.call('broadcast', {
      channels: ['chat:b-1', 'nowhere:x', 'chat:b-2'],
      data: { to: 'all' },
      idempotency_key: 'one',
    });
    assert.equal(responses.length, 3);
    assert.equal(responses[0].result.offset, 1);
    assert.equal(responses[1].error.code, 102);
    assert.equal(responses[2].result.offset, 1);
  });

  it('presence and presence_stats', async () => {
    assert.deepEqual(await group.api.call('presence', { channel: 'chat:p' }), { presence: {} });
    assert.deepEqual(await group.api.call('presence_stats', { channel: 'chat:p' }), { num_clients: 0, num_users: 0 });
    const [one, two] = [await connectAs('ann', { info: { n: 1 } }), await connectAs('ann')];
    await subscribed(one, 'chat:p');
    await subscribed(two, 'chat:p');
    const { presence } = await group.api.call('presence', { channel: 'chat:p' });
    assert.deepEqual(presence[one.hello.client], { user: 'ann', client: one.hello.client, conn_info: { n: 1 } });
    assert.deepEqual(presence[two.hello.client], { user: 'ann', client: two.hello.client });
    assert.deepEqual(await group.api.call('presence_stats', { channel: 'chat:p' }), { num_clients: 2, num_users: 1 });
  });

  it('history: limit, since, reverse, and an empty channel', async () => {
    const empty = await group.api.call('history', { channel: 'chat:h', limit: 10 });
    assert.deepEqual([empty.publications, empty.offset], [[], 0]);
    for (const n of [1, 2, 3]) await group.api.publish('chat:h', n, { tags: { n: String(n) } });
    const all = await group.api.call('history', { channel: 'chat:h', limit: -1 });
    const told = all.publications.map((p) => [p.offset, p.data, p.tags.n]);
    assert.deepEqual(told, [[1, 1, '1'], [2, 2, '2'], [3, 3, '3']]);
    assert.equal(all.offset, 3);
    const { epoch } = all;
    const data = async (params) =>
      (await group.api.call('history', { channel: 'chat:h', ...params })).publications.map((p) => p.data);
    assert.deepEqual(await data({}), []);
    assert.deepEqual(await data({ limit: 1, since: { offset: 1, epoch } }), [2]);
    assert.deepEqual(await data({ limit: 2, reverse: true }), [3, 2]);
    const foreign = { channel: 'chat:h', limit: 1, since: { offset: 1, epoch: 'other' } };
    assert.equal(await group.api.errorCode('history', foreign), 112);
  });

  it('channels: those with subscribers, by pattern', async () => {
    const ann = await connectAs('ann');
    for (const name of ['chat:list-1', 'chat:list-2']) await subscribed(ann, name);
    const { channels } = await group.api.call('channels', { pattern: 'chat:list-*' });
    assert.deepEqual(channels, { 'chat:list-1': { num_clients: 1 }, 'chat:list-2': { num_clients: 1 } });
    const none = await group.api.call('channels', { pattern: 'nothing*' });
    assert.deepEqual(none, { channels: {} });
    const { channels: every } = await group.api.call('channels', {});
    assert.ok(every['chat:list-1']);
  });

  it('info: this node and its counts', async () => {
    const ann = await connectAs('info-user');
    await subscribed(ann, 'chat:info');
    const { nodes } = await group.api.call('info');
    assert.equal(nodes.length, 1);
    const [node] = nodes;
    for (const key of ['uid', 'name', 'version']) assert.equal(typeof node[key], 'string', key);
    for (const key of ['num_clients', 'num_users', 'num_channels']) assert.ok(node[key] >= 1, `${key}: ${node[key]}`);
    assert.equal(typeof node.uptime, 'number');
  });

  it('disconnect: one client of a user, or all but some', async () => {
    const [one, two] = [await connectAs('dis'), await connectAs('dis')];
    await group.api.call('disconnect', { user: 'dis', client: one.hello.client });
    assert.equal((await one.events.disconnected.next()).code, 3503);
    assert.equal(two.state, 'connected');
    const three = await connectAs('dis');
    await group.api.call('disconnect', { user: 'dis', whitelist: [three.hello.client] });
    assert.equal((await two.events.disconnected.next()).code, 3503);
    assert.equal(three.state, 'connected');
    assert.deepEqual(await group.api.call('disconnect', { user: 'nobody-here' }), {});
  });

  it('subscribe and unsubscribe: {}', async () => {
    const socket = await Socket.open(group.server.ws(`/ws?token=${sign({ sub: 'srv', exp: inSeconds(600) })}`));
    const { connect } = await socket.json('connect');
    const target = { user: 'srv', client: connect.client, channel: 'bare:srv' };
    assert.deepEqual(await group.api.call('subscribe', target), {});
    const pushed = await socket.json('subscribe push');
    assert.deepEqual([pushed.channel, typeof pushed.subscribe], ['bare:srv', 'object']);
    await group.api.publish('bare:srv', 1);
    assert.equal((await socket.json()).pub.data, 1);
    assert.deepEqual(await group.api.call('unsubscribe', target), {});
    const ended = await socket.json('unsubscribe push');
    assert.deepEqual([ended.channel, ended.unsubscribe.code], ['bare:srv', 2000]);
    assert.deepEqual(await group.api.call('unsubscribe', { user: 'nobody', channel: 'chat:x' }), {});
  });

  it('batch: replies in order, one failing not the others', async () => {
    const { status, body } = await group.api.post('batch', {
      commands: [
        { publish: { channel: 'chat:batch', data: 1 } },
        { publish: { channel: 'nowhere:x', data: 1 } },
        { history: { channel: 'chat:batch', limit: 1 } },
        { presence_stats: { channel: 'chat:batch' } },
        { info: {} },
      ],
    });
    assert.equal(status, 200);
    const [published, failed, history, stats, info] = body.replies;
    assert.equal(published.publish.offset, 1);
    assert.equal(failed.error.code, 102);
    assert.deepEqual(history.history.publications.map((p) => p.data), [1]);
    assert.deepEqual(stats.presence_stats, { num_clients: 0, num_users: 0 });
    assert.equal(info.info.nodes.length, 1);
  });

  it('takes the key as its own header, or as the older Authorization', async () => {
    const body = JSON.stringify({ channel: 'chat:key', data: 1 });
    const forms = [
      ['/api/publish', { 'X-API-Key': API_KEY }],
      ['/api/publish', { Authorization: `apikey ${API_KEY}` }],
    ];
    for (const [path, headers] of forms) {
      const response = await fetch(group.server.http(path), { method: 'POST', headers, body });
      assert.equal(response.status, 200, JSON.stringify([path, headers]));
    }
  });

  const failures = [
    ['publish', { data: 1 }, 107], ['publish', { channel: '', data: 1 }, 107],
    ['publish', { channel: 'chat:x' }, 107], ['publish', { channel: 'nowhere:x', data: 1 }, 102],
    ['publish', { channel: 'x'.repeat(256), data: 1 }, 107], ['publish', { channel: 'chat:x', b64data: '!' }, 107],
    ['publish', { channel: 5, data: 1 }, 107],
    ['broadcast', { data: 1 }, 107], ['broadcast', { channels: [], data: 1 }, 107],
    ['presence', {}, 107], ['presence', { channel: 'nowhere:x' }, 102], ['presence', { channel: 'bare:x' }, 108],
    ['presence_stats', {}, 107], ['presence_stats', { channel: 'bare:x' }, 108],
    ['history', {}, 107], ['history', { channel: 'nowhere:x' }, 102], ['history', { channel: 'bare:x', limit: 1 }, 108],
    ['subscribe', { user: 'u' }, 107], ['subscribe', { user: 'u', channel: 'nowhere:x' }, 102],
    ['unsubscribe', { user: 'u', channel: 'nowhere:x' }, 102],
    ['disconnect', {}, 107], ['disconnect', { user: 'u', client: 'no id' }, 107], ['batch', {}, 107],
  ];
  for (const [method, params, code] of failures) {
    it(`${method} ${JSON.stringify(params).slice(0, 50)}: ${code}`, async () => {
      assert.equal(await group.api.errorCode(method, params), code);
    });
  }

  it('answers errors as HTTP statuses when asked to', async () => {
    const headers = { 'X-Centrifugo-Error-Mode': 'transport' };
    const cases = [
      ['publish', { channel: 'nowhere:x', data: 1 }, 404, 102],
      ['publish', { channel: '', data: 1 }, 400, 107],
      ['presence', { channel: 'bare:x' }, 400, 108],
      ['history', { channel: 'chat:x', limit: 1, since: { offset: 1, epoch: 'other' } }, 416, 112],
    ];
    for (const [method, params, status, code] of cases) {
      const answer = await group.api.post(method, params, headers);
      assert.deepEqual([answer.status, answer.body.code], [status, code], method);
      assert.equal(typeof answer.body.message, 'string');
    }
    const good = await group.api.post('publish', { channel: 'chat:mode', data: 1 }, headers);
    assert.deepEqual([good.status, good.body.result.offset], [200, 1]);
  });
});
