// Scheduling straight through Redis: by a process that has nothing of ours, and no more rights than it needs.

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
import { closeAll } from '../harness/opened.mjs';
import { Redis } from '../harness/redis.mjs';
import { Server } from '../harness/server.mjs';
import { Socket } from '../harness/socket.mjs';

const NAMESPACES = { chat: { recovery: true, history_size: 1000 } };
const read = (file) => readFileSync(path.join(ROOT, 'docs', file), 'utf8');

describe('what is scheduled past all nodes', () => {
  let redis, node, client;
  before(async () => {
    redis = await Redis.start();
    const acl = read('redis.md').match(/^ACL SETUSER scheduler .*$/m)[0];
    await redis.ask(...acl.split(' '));
    client = new Client(redis.url({ who: 'scheduler:SCHEDULER-SECRET' }), { enableReadyCheck: false });
    client.defineCommand('later', { lua: read('schedule.lua'), numberOfKeys: 2 });
  });
  after(async () => {
    await closeAll();
    client?.disconnect();
    await node?.stop();
    await redis?.stop();
  });

  const tag = (channel) => createHash('sha1').update(channel).digest('hex').slice(0, 2);
  const keys = (at) => [`trunkline:{${at}}:notes:`, `trunkline:{${at}}:due:`];
  const later = (channel, ...args) => client.later(...keys(tag(channel)), channel, ...args);
  const what = (data, rest = {}) => JSON.stringify({ data, ...rest });

  it('is published once nodes start, in the order in which it was due; what was taken back is not', async () => {
    const begun = Date.now();
    // So much later that the other one is due before it, however long the calls take.
    const due = Number(await later('chat:1', 'second', '+3000', what('second')));
    assert.ok(due >= begun && due <= Date.now() + 3000, `${due}`);
    await later('chat:1', 'first', '+1', what('first', { tags: { of: 'test' } }));
    await later('chat:1', 'never', '+1', what('never'));
    assert.equal(await later('chat:1', 'never', '+0'), 'cancelled');
    assert.equal(await later('chat:1', 'never', '+0'), 'not_found');

    const changes = { storage: { backend: 'redis' }, redis: { urls: [redis.url()] } };
    node = await Server.start({ config: openTo(NAMESPACES, changes) });
    const api = new Api(node);
    const history = async () => (await api.call('history', { channel: 'chat:1', limit: 10 })).publications;
    const found = await until(async () => {
      const publications = await history();
      return publications.length >= 2 && publications;
    }, 'two publications');
    assert.deepEqual(found.map(({ data }) => data), ['first', 'second']);
    assert.deepEqual(found[0].tags, { of: 'test' });
    assert.equal(await later('chat:1', 'first', '+1', what('again')), 'already_fired');
  });

  it('comes at its new time where it was scheduled anew, and is listed by nodes', async () => {
    const socket = await Socket.follow(node.ws(''), ['chat:2']);
    await later('chat:2', 'call', '+3600000', what('in an hour'));
    const { schedules } = await new Api(node).call('schedule_list', { channel: 'chat:2' });
    assert.deepEqual(schedules.map(({ id }) => id), ['call']);
    const due = Number(await later('chat:2', 'call', '+300', what('soon')));
    assert.equal((await socket.json()).pub.data, 'soon');
    assert.ok(Date.now() >= due, 'not early');
  });

  it('is refused with a reason where arguments are wrong, and nothing is kept', async () => {
    const at = keys(tag('chat:3'));
    const refused = (args, reason, at_ = at) =>
      assert.rejects(client.later(...at_, ...args), (error) => error.message.includes(`ERR trunkline: ${reason}`), reason);
    await refused(['chat:3', 'a'], 'wants 2 keys');
    await refused(['chat: 3', 'a', '+1', what(1)], 'the first argument');
    await refused(['chat:3', 'a b', '+1', what(1)], 'the id is');
    await refused(['chat:3', 'x'.repeat(129), '+1', what(1)], 'the id is');
    await refused(['chat:3', 'a', '+1', what(1)], 'the keys are not', [...at].reverse());
    await refused(['chat:4', 'a', '+1', what(1)], `the tag of this channel is ${tag('chat:4')}`);
    await refused(['chat:3', 'a', 'soon', what(1)], 'when is @MS or +MS');
    await refused(['chat:3', 'a', '@1000', what(1)], 'this time is over');
    await refused(['chat:3', 'a', '+31622400001', what(1)], 'this time is more than a year ahead');
    await refused(['chat:3', 'a', '+1', 'no'], 'what is no JSON object');
    await refused(['chat:3', 'a', '+1', '{"text":1}'], 'what is no JSON object');
    await refused(['chat:3', 'a', '+1', what('x'.repeat(524_288))], 'what is longer');
    assert.equal(await later('chat:3', 'a', '+0'), 'not_found');
    await assert.rejects(client.get('trunkline:{00}:top:chat:3'), /NOPERM/);
  });
});
