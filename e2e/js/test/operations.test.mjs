// What an operator looks at: health, readiness, metrics, logs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { until } from '../harness/deadline.mjs';
import { closeAll } from '../harness/opened.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { Server } from '../harness/server.mjs';
import { serving } from '../harness/serving.mjs';

describe('admin listener', () => {
  const group = serving();
  const get = (path) => fetch(group.server.admin(path));

  it('is healthy and ready', async () => {
    for (const path of ['/health', '/ready']) assert.equal((await get(path)).status, 200, path);
    assert.equal((await get('/nothing')).status, 404);
    assert.equal((await fetch(group.server.admin('/health'), { method: 'POST' })).status, 405);
  });

  it('counts connections and publications for Prometheus', async () => {
    const sdk = await connected(ENCODINGS[0], group.server.ws('/connection/websocket'));
    const sub = await subscribed(sdk, 'chat:metrics');
    await sub.publish(1);
    await sub.events.publication.next();
    const text = await until(async () => {
      const body = await (await get('/metrics')).text();
      return sum(body, /connections/) >= 1 && sum(body, /publication|publish|deliver/) >= 1 && body;
    }, 'metrics of one connection and one publication');
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    assert.ok(names.length >= 5, names.join(' '));
    for (const name of names) assert.match(name, /^trunkline_/);
    for (const line of text.split('\n')) {
      assert.match(line, /^$|^# (HELP|TYPE|UNIT|EOF)|^[a-z_:][a-z0-9_:]*(\{.*\})? [0-9.+eEinfNa-]+$/i, line);
    }
  });

  it('is not on the listener of the clients', async () => {
    for (const path of ['/health', '/metrics']) {
      assert.equal((await fetch(group.server.http(path))).status, 404, path);
    }
  });

  /** The sum of all samples whose name matches. */
  function sum(body, name) {
    return body
      .split('\n')
      .filter((line) => !line.startsWith('#') && name.test(line.split(/[{ ]/)[0]))
      .reduce((total, line) => total + Number(line.split(' ').pop()), 0);
  }
});

describe('log', () => {
  it('is one JSON object per line when asked for', async () => {
    const server = await Server.start({ args: ['--log-format', 'json'] });
    await connected(ENCODINGS[0], server.ws('/connection/websocket'));
    await closeAll();
    await server.stop();
    const lines = server.stderr.split('\n').filter(Boolean);
    assert.ok(lines.length > 0);
    for (const line of lines) {
      const entry = JSON.parse(line);
      assert.equal(typeof entry.level, 'string', line);
    }
  });

  it('never shows a token or a key', async () => {
    const server = await Server.start({ env: { TRUNKLINE_LOG__LEVEL: 'trace' } });
    await fetch(server.http('/api/publish?api_key=a-secret-in-the-url'), { method: 'POST', body: '{}' });
    await fetch(server.http('/ws?token=another-secret'));
    await server.stop();
    assert.doesNotMatch(server.stderr, /a-secret-in-the-url|another-secret/);
  });
});
