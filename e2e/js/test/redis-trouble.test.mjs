// A Redis that cannot be used as it is: the node starts, says once what is wrong, is not ready, and
// gets ready by itself when it has been mended.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';

import { Api } from '../harness/api.mjs';
import { certified } from '../harness/authority.mjs';
import { ROOT } from '../harness/binary.mjs';
import { openTo, scratch } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { closeAll } from '../harness/opened.mjs';
import { freePorts } from '../harness/ports.mjs';
import { texts } from '../harness/position.mjs';
import { Redis } from '../harness/redis.mjs';
import { Server } from '../harness/server.mjs';
import { Socket } from '../harness/socket.mjs';

const SECRET = 'a-secret-that-is-in-no-log';

/** What the documentation says that a node has to be allowed. */
const NODE_RIGHTS = readFileSync(path.join(ROOT, 'docs/redis.md'), 'utf8')
  .match(/^ACL SETUSER node .*$/m)[0]
  .replace('NODE-SECRET', SECRET)
  .split(' ');

const NODE = { who: `node:${SECRET}` };

async function ready(node) {
  const response = await fetch(node.admin('/ready'));
  return { ...(await response.json()), status: response.status };
}

const warnings = (node) => node.stderr.split('\n').filter((line) => line.includes('trouble with Redis'));

/** Waits until a server has been tried several times more. */
async function triedAgain(redis) {
  let own = 0;
  const connections = async () => {
    own += 1;
    return Number(/total_connections_received:(\d+)/.exec(await redis.ask('info', 'stats'))[1]) - own;
  };
  const first = await connections();
  await until(async () => (await connections()) >= first + 5, 'a node that goes on trying');
}

/** Runs `test` with a Redis and everything that is made in it, and ends both. */
async function withRedis(options, test) {
  const redis = await Redis.start(options);
  try {
    await test(redis);
  } finally {
    await closeAll();
    await redis.stop();
  }
}

/**
 * Starts a node on `url`, which is in trouble as `why` says, lets it be mended, and sees that it
 * works then. `tried` waits until the node has had time to repeat itself;
 * it may say something of commands and of subscriptions each.
 */
async function mends(url, why, mend, { tried = () => {}, says = 1, settings = {} } = {}) {
  const changes = { storage: { backend: 'redis' }, redis: { urls: [url], ...settings } };
  const node = await Server.start({ config: openTo({ chat: { recovery: true, history_size: 10 } }, changes) });
  try {
    const seen = await until(async () => {
      const answer = await ready(node);
      return why.test(answer.why) && answer;
    }, `/ready says ${why}`);
    assert.equal(seen.status, 503);
    assert.equal((await fetch(node.admin('/health'))).status, 200);
    await tried();
    assert.equal(warnings(node).length, says, node.stderr);
    assert.match(warnings(node)[0], why);
    await mend();
    await until(async () => (await ready(node)).status === 200, 'a node that is ready');
    const socket = await Socket.follow(node.ws(''), ['chat:1']);
    await new Api(node).publish('chat:1', 'mended');
    assert.deepEqual(await texts(socket, 1), ['mended']);
    assert.ok(!node.stderr.includes(SECRET), 'a secret is in the log');
    socket.destroy();
    await node.stop();
  } finally {
    await node.kill();
  }
}

describe('a node whose Redis', () => {
  it('is not there yet', async () => {
    const [port] = await freePorts(1);
    let redis;
    try {
      const start = async () => (redis = await Redis.start({ port }));
      await mends(`redis://127.0.0.1:${port}`, /cannot connect/, start);
    } finally {
      await closeAll();
      await redis?.stop();
    }
  });

  it('has another password', async () => {
    await withRedis({}, async (redis) => {
      await redis.ask('config', 'set', 'requirepass', 'another');
      redis.password = 'another';
      await mends(redis.url({ who: `:${SECRET}` }), /wrong user or password/, async () => {
        await redis.ask('config', 'set', 'requirepass', SECRET);
        redis.password = SECRET;
      }, { tried: () => triedAgain(redis) });
    });
  });

  it('has a password and the node has none', async () => {
    await withRedis({}, async (redis) => {
      await redis.ask('config', 'set', 'requirepass', SECRET);
      redis.password = SECRET;
      const mend = () => redis.ask('config', 'set', 'requirepass', '');
      await mends(redis.url(), /wrong user or password, or one is missing/, mend, { tried: () => triedAgain(redis) });
    });
  });

  it('has no such database', async () => {
    await withRedis({}, async (redis) => {
      await mends(redis.url({ database: 99 }), /database cannot be used/, async () => {
        await redis.kill();
        await redis.again(['--databases', '100']);
      }, { tried: () => triedAgain(redis) });
    });
  });

  it('speaks TLS and the node does not', async () => {
    await withRedis({}, async (redis) => {
      const { cert, key, authority } = await certified(redis.folder);
      await redis.kill();
      const tls = ['--tls-port', `${redis.port}`, '--port', '0', '--tls-auth-clients', 'no'];
      const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', authority];
      await redis.again([...tls, ...files]);
      await mends(redis.url(), /does it want TLS \(rediss:/, async () => {
        await redis.kill();
        await redis.again([]);
      }); // Redis does not count connections that fail like this.
    });
  });

  it('does not speak TLS and the node does', async () => {
    const { folder, remove } = await scratch();
    try {
      const { cert, key, authority } = await certified(folder);
      await withRedis({}, async (redis) => {
        const mend = async () => {
          await redis.kill();
          const tls = ['--tls-port', `${redis.port}`, '--port', '0', '--tls-auth-clients', 'no'];
          const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', authority];
          await redis.again([...tls, ...files]);
        };
        const options = { settings: { tls_ca_file: authority }, tried: () => triedAgain(redis) };
        await mends(redis.url({ tls: true }), /does not speak TLS there \(redis:/, mend, options);
      });
    } finally {
      await remove();
    }
  });

  it('may throw streams away', async () => {
    await withRedis({ args: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'] }, async (redis) => {
      const mend = () => redis.ask('config', 'set', 'maxmemory-policy', 'noeviction');
      await mends(redis.url(), /maxmemory-policy allkeys-lru/, mend);
    });
  });

  it('is no master', async () => {
    const [nobody] = await freePorts(1);
    await withRedis({ args: ['--replicaof', '127.0.0.1', `${nobody}`] }, async (redis) => {
      const mend = () => redis.ask('replicaof', 'no', 'one');
      await mends(redis.url(), /no master but a slave/, mend, { tried: () => triedAgain(redis) });
    });
  });

  for (const [right, why, says] of [
    ['+xadd', /may not do what is needed: XADD;/],
    ['+info', /may not do what is needed: INFO;/],
    ['&trunkline:*', /may not do what is needed/, 2],
    ['~trunkline:*', /may not do what is needed: (?=.*XADD)(?=.*GET)/],
    ['+evalsha', /may not do what is needed/],
    ['+ssubscribe', /may not do what is needed/],
  ]) {
    it(`does not allow it ${right}`, async () => {
      await withRedis({}, async (redis) => {
        await redis.ask(...NODE_RIGHTS.filter((rule) => rule !== right));
        const mend = () => redis.ask('acl', 'setuser', 'node', right);
        await mends(redis.url(NODE), why, mend, { says, tried: () => triedAgain(redis) });
      });
    });
  }
});

describe('the documented rights of a node', () => {
  it('are enough for all it does', async () => {
    await withRedis({}, async (redis) => {
      await redis.ask(...NODE_RIGHTS);
      const chat = { recovery: true, history_size: 10, history_bytes: '1KiB', presence: true, join_leave: true };
      const changes = {
        storage: { backend: 'redis' },
        redis: { urls: [redis.url({ ...NODE, database: 3 })] },
      };
      const node = await Server.start({ config: openTo({ chat, bare: {} }, changes) });
      try {
        await until(async () => (await ready(node)).status === 200, 'a node that is ready');
        const api = new Api(node);
        const socket = await Socket.follow(node.ws(''), ['chat:1', 'bare:1']);
        const values = Array.from({ length: 9 }, (_, n) => `${n}`.repeat(200));
        for (const value of values) await api.publish('chat:1', value, { idempotency_key: value.slice(0, 9) });
        assert.deepEqual(await texts(socket, 9), values);
        await api.publish('bare:1', 'passed on');
        assert.deepEqual(await texts(socket, 1), ['passed on']);
        const { publications } = await api.call('history', { channel: 'chat:1', limit: 2, reverse: true });
        assert.deepEqual(publications.map(({ data }) => data), [values[8], values[7]]);
        await api.call('history_remove', { channel: 'chat:1' });
        // Who is there is written beside what is published, not before it.
        const present = async () => (await api.call('presence_stats', { channel: 'chat:1' })).num_clients;
        await until(async () => (await present()) === 1, 'the socket among those who are there');
        assert.equal((await api.call('info')).nodes.length, 1);
        socket.destroy();
        await node.stop();
        assert.equal((await redis.ask('acl', 'log')).trim(), '', 'nothing was denied');
      } finally {
        await closeAll();
        await node.kill();
      }
    });
  });
});
