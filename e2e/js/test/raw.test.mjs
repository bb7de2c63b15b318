// `/ws?format=raw`: payloads alone, for people who log in elsewhere.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Application } from '../harness/application.mjs';
import { API_KEY, configuration } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { against } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

/** Sessions as a web application keeps them: who has which cookie. */
async function withSessions(test, { callbacks, ...changes } = {}) {
  const sessions = new Map([['s1', 'ann'], ['s2', 'bob']]);
  const handlers = {
    '/connect': (_, { cookie }) => ({ result: { user: sessions.get(/sid=(\w+)/.exec(cookie ?? '')?.[1]) ?? '' } }),
    '/rpc': ({ method, data, user }) => {
      if (method === 'time') return { result: { data: 'noon' } };
      if (method === 'quiet') return { result: {} };
      if (method === 'bad') return { error: { code: 400, message: 'no such thing' } };
      return { result: { data: { method, data, user } } };
    },
  };
  const app = await Application.start(handlers);
  try {
    const config = configuration({ callbacks: app.section(callbacks), inbox: { enabled: true }, ...changes });
    const context = { app, sessions };
    await against({ config }, (server, api) => test(server, { ...context, api }));
  } finally {
    await app.stop();
  }
}

const open = (server, sid, { query = '', ...options } = {}) =>
  Socket.open(server.ws(`/ws?format=raw${query}`), { headers: { Cookie: `sid=${sid}` }, ...options });

async function message(server, userId, text) {
  const response = await fetch(server.http('/message'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-API-Key': API_KEY },
    body: JSON.stringify({ userId, message: text }),
  });
  assert.equal(response.status, 200, await response.text());
}

const seen = (socket, text) => socket.frames.take((frame) => frame === text, `frame ${text}`);

describe('raw format', () => {
  it('shows every socket of a user what is meant for them, verbatim', async () => {
    await withSessions(async (server) => {
      const [one, two, other] = [await open(server, 's1'), await open(server, 's1'), await open(server, 's2')];
      await message(server, 'ann', 'hello');
      await message(server, 'ann', { text: 'hi "you"', n: 1.50 });
      for (const socket of [one, two]) {
        await seen(socket, 'hello');
        await seen(socket, '{"text":"hi \\"you\\"","n":1.5}');
      }
      await message(server, 'bob', 'for bob');
      await seen(other, 'for bob');
      assert.ok(!other.frames.waiting.includes('hello'));
    });
  });

  it('subscribes by URL, and shows payloads only', async () => {
    await withSessions(async (server, { api }) => {
      const socket = await open(server, 's1', { query: '&channels=chat:a' });
      // Nothing tells a raw client that it is subscribed.
      const here = async () => (await api.call('presence_stats', { channel: 'chat:a' })).num_clients === 1;
      await until(here, 'a subscriber of chat:a');
      await api.publish('chat:a', 'first');
      await seen(socket, 'first');
      const texts = socket.frames.waiting.filter((frame) => /join|subscribe/.test(frame));
      assert.deepEqual(texts, []);
    });
  });

  it('answers a login with the user of the cookie, each time', async () => {
    await withSessions(async (server) => {
      const socket = await open(server, 's1');
      for (let n = 0; n < 2; n += 1) {
        socket.send({ msg_type: 'login' });
        await seen(socket, '{"msg_type":"login","data":{"user":"ann"}}');
      }
    });
  });

  it('closes with 1008 "Unauthorized" for who is nobody', async () => {
    await withSessions(async (server) => {
      const socket = await open(server, 'unknown');
      assert.deepEqual(await socket.closed(), { code: 1008, reason: 'Unauthorized' });
    });
  });

  it('binds a socket that was nobody\'s once its person has logged in', async () => {
    await withSessions(
      async (server, { sessions }) => {
        const [socket, stranger] = [await open(server, 'new'), await open(server, 'never')];
        sessions.set('new', 'carl');
        socket.send({ msg_type: 'login' });
        await seen(socket, '{"msg_type":"login","data":{"user":"carl"}}');
        await message(server, 'carl', 'welcome');
        await seen(socket, 'welcome');
        stranger.send({ msg_type: 'login' });
        assert.equal((await stranger.closed()).code, 1008);
      },
      { client: { anonymous: true } },
    );
  });

  it('hands any other text to the application, and the answer back', async () => {
    await withSessions(async (server, { app }) => {
      const socket = await open(server, 's1');
      socket.send('hello there');
      await seen(socket, '{"method":"","data":"hello there","user":"ann"}');
      socket.send('{"msg_type":"order","n":1}');
      await seen(socket, '{"method":"order","data":{"msg_type":"order","n":1},"user":"ann"}');
      socket.send({ msg_type: 'time' });
      await seen(socket, 'noon');
      socket.send({ msg_type: 'quiet' });
      socket.send({ msg_type: 'bad' });
      const error = { msg_type: 'error', error: { code: 400, message: 'no such thing' } };
      await seen(socket, JSON.stringify(error));
      assert.equal((await app.called('/rpc')).headers.cookie, 'sid=s1');
    });
  });

  it('is refused with an HTTP status where that is configured', async () => {
    await withSessions(
      async (server, { app }) => {
        await assert.rejects(open(server, 'unknown'), { status: 401 });
        await (await open(server, 's1')).close();
        await app.stop();
        await assert.rejects(open(server, 's1'), { status: 503 });
        await assert.rejects(Socket.open(server.ws('/ws?token=x.y.z')), { status: 401 });
      },
      { client: { refusal: 'http' } },
    );
  });

  it('does not look at a cookie that comes from another origin', async () => {
    await withSessions(async (server, { app }) => {
      const origin = 'https://evil.example';
      await assert.rejects(open(server, 's1', { origin }), { status: 403 });
      assert.deepEqual(app.calls.waiting, []);
      const own = await open(server, 's1', { origin: server.http('') });
      own.send({ msg_type: 'login' });
      await seen(own, '{"msg_type":"login","data":{"user":"ann"}}');
    });
  });

  it('asks about the same cookie once in a while, where that is configured', async () => {
    await withSessions(
      async (server, { app }) => {
        for (let n = 0; n < 5; n += 1) await (await open(server, 's1')).close();
        await (await open(server, 's2')).close();
        assert.equal(app.calls.waiting.length, 2);
      },
      { callbacks: { connect_cache: '10s' } },
    );
  });
});
