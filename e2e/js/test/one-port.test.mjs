// Everything is on one port: a pool of connections, a browser's or a proxy's, mixes it all.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, describe, it } from 'node:test';

import { API_KEY } from '../harness/configuration.mjs';
import { within } from '../harness/deadline.mjs';
import { serving } from '../harness/serving.mjs';

describe('a pool of one connection', () => {
  const group = serving();
  const agents = [];
  after(() => agents.forEach((agent) => agent.destroy()));

  /** A pool that holds one connection and keeps it open as long as the server does. */
  const pool = () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    const send = (path, { method = 'GET', headers = {}, body } = {}) => {
      const answered = new Promise((resolve, reject) => {
        const request = http.request(group.server.http(path), { agent, method, headers });
        request.on('error', reject);
        request.on('upgrade', (response, socket) => {
          socket.destroy();
          resolve(response);
        });
        request.on('response', resolve);
        request.end(body);
      });
      return within(answered, `${method} ${path}`);
    };
    const drained = async (response) => {
      for await (const _ of response) continue;
      return response.statusCode;
    };
    const publish = async () =>
      drained(await send('/api/publish', {
        method: 'POST',
        headers: { 'X-API-Key': API_KEY },
        body: '{"channel":"chat:pool","data":1}',
      }));
    return { send, drained, publish };
  };

  it('carries one request of the server API after the other', async () => {
    const { publish } = pool();
    for (const round of [1, 2, 3]) assert.equal(await publish(), 200, `round ${round}`);
  });

  it('carries an event stream after a page', async () => {
    const { send, drained } = pool();
    assert.equal(await drained(await send('/')), 200);
    const stream = await send('/sse?channels=chat:pool');
    assert.equal(stream.statusCode, 200);
    assert.equal(stream.headers['content-type'], 'text/event-stream');
    stream.destroy();
  });

  it('carries a WebSocket after a request of the server API', async () => {
    const { send, publish } = pool();
    assert.equal(await publish(), 200);
    const upgraded = await send('/ws?channels=chat:pool', {
      headers: {
        Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    assert.equal(upgraded.statusCode, 101);
  });
});
