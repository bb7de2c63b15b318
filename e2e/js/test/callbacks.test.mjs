// What the application is asked about clients, and what follows from its answers, from the SDK's side.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Application, HANG, withCookie } from '../harness/application.mjs';
import { configuration } from '../harness/configuration.mjs';
import { ENCODINGS, client, connected, subscribed, subscription } from '../harness/sdk.mjs';
import { against } from '../harness/serving.mjs';
import { inSeconds, sign } from '../harness/token.mjs';

const ACCESS = { presence: true, allow_presence_for_subscriber: true, allow_history_for_subscriber: true };

/** `chat` is open; about `asked` the application is asked what it has an answer to. */
const namespaces = (handlers) => [
  { name: 'chat', ...ACCESS, allow_subscribe_for_client: true, allow_publish_for_client: true },
  {
    name: 'asked',
    ...ACCESS,
    subscribe_callback: '/subscribe' in handlers,
    publish_callback: '/publish' in handlers,
  },
];

/** Who has which session cookie. */
const bySession = (answers) => (body, { cookie }) =>
  answers[/session=(\w+)/.exec(cookie ?? '')?.[1]] ?? { error: { code: 401, message: 'log in first' } };

async function asking(handlers, test, callbacks) {
  const app = await Application.start(handlers);
  try {
    const config = configuration({ callbacks: app.section(callbacks), namespaces: namespaces(handlers) });
    await against({ config }, (server, api) => test(app, server, api));
  } finally {
    await app.stop();
  }
}

for (const encoding of ENCODINGS) {
  describe(`callbacks, ${encoding.name}`, () => {
    const sdk = (server, cookie, options) =>
      client(encoding, server.ws('/connection/websocket'), { websocket: withCookie(cookie), ...options });
    const open = (server, cookie, options) =>
      connected(encoding, server.ws('/connection/websocket'), { websocket: withCookie(cookie), ...options });
    const ann = bySession({ a1: { result: { user: 'ann' } }, b1: { result: { user: 'bob' } } });

    it('lets in whom the application knows by the cookie, with what it says of them', async () => {
      const result = {
        user: 'ann', info: { name: 'Ann' }, data: { hello: 1 }, channels: ['chat:news'], meta: { plan: 'x' },
      };
      const handlers = {
        '/connect': bySession({ a1: { result } }),
        '/rpc': (body) => ({ result: { data: body.meta } }),
      };
      await asking(handlers, async (app, server, api) => {
        const one = await open(server, 'session=a1', { data: encoding.encode({ page: 7 }), name: 'web' });
        assert.deepEqual(encoding.decode(one.hello.data), { hello: 1 });
        const { body, headers } = await app.called('/connect');
        assert.equal(headers.cookie, 'session=a1');
        assert.equal(headers['content-type'], 'application/json');
        assert.equal(headers['user-agent'], undefined, 'a header field that nobody asked for');
        assert.deepEqual([body.name, body.data], ['web', { page: 7 }]);
        assert.deepEqual([body.transport, body.protocol], ['websocket', encoding.name.toLowerCase()]);
        const { presence } = await api.call('presence', { channel: 'chat:news' });
        const [info] = Object.values(presence);
        assert.deepEqual([info.user, info.conn_info], ['ann', { name: 'Ann' }]);
        await api.publish('chat:news', 'hi');
        assert.deepEqual(encoding.decode((await one.events.publication.next()).data), 'hi');
        // What it said for itself it is told again, and the client is not.
        const answer = await one.rpc('plan', encoding.encode({}));
        assert.deepEqual(encoding.decode(answer.data), { plan: 'x' });
        assert.ok(!JSON.stringify(one.hello).includes('plan'));
      });
    });

    it('turns away whom it does not know, for good, with its own words', async () => {
      await asking({ '/connect': ann }, async (app, server) => {
        const nobody = sdk(server, 'session=zz');
        nobody.connect();
        const { code, reason } = await nobody.events.disconnected.next();
        assert.deepEqual([code, reason], [401, 'log in first']);
      });
    });

    it('asks nobody about a client with a token, good or bad', async () => {
      await asking({ '/connect': ann }, async (app, server) => {
        const token = sign({ sub: 'carl', exp: inSeconds(60) });
        await open(server, 'session=a1', { token });
        const forged = sdk(server, 'session=a1', { token: sign({ sub: 'carl' }, 'another secret, not ours 0123456') });
        forged.connect();
        assert.equal((await forged.events.disconnected.next()).code, 3500);
        assert.deepEqual(app.calls.waiting, []);
      });
    });

    it('comes in by itself when an application that was down is well again', async () => {
      const ill = [
        { status: 500, text: 'oops' }, { status: 200, text: '<html>' }, { status: 302, headers: { Location: '/ok' } },
        { status: 200, text: ' '.repeat(300_000) }, HANG,
      ];
      const handlers = { '/connect': () => ill.shift() ?? { result: { user: 'ann' } } };
      await asking(
        handlers,
        async (app, server) => {
          const one = sdk(server, 'session=a1');
          one.connect();
          await one.events.connected.next();
          assert.deepEqual(ill, []);
          assert.deepEqual(one.events.disconnected.waiting, [], 'never told that it may not');
        },
        { timeout: '200ms' },
      );
    });

    it('subscribes where the application allows it', async () => {
      const subscribe = ({ channel, user }) => {
        if (channel === 'asked:ill') return { status: 500 };
        if (channel === 'asked:end') return { disconnect: { code: 4500, reason: 'go away' } };
        return channel === `asked:${user}`
          ? { result: { info: { role: 'x' }, data: { state: 7 } } }
          : { error: { code: 403, message: 'not yours' } };
      };
      await asking({ '/connect': ann, '/subscribe': subscribe }, async (app, server) => {
        const one = await open(server, 'session=a1');
        const own = await subscribed(one, 'asked:ann');
        assert.deepEqual(encoding.decode(own.hello.data), { state: 7 });
        const [info] = Object.values((await own.presence()).clients);
        assert.deepEqual(encoding.decode(info.chanInfo), { role: 'x' });
        const other = subscription(one, 'asked:bob');
        other.subscribe();
        const { code, reason } = await other.events.unsubscribed.next();
        assert.deepEqual([code, reason], [403, 'not yours']);
        const ill = subscription(one, 'asked:ill', { minResubscribeDelay: 10, maxResubscribeDelay: 20 });
        ill.subscribe();
        const { error } = await ill.events.error.next();
        assert.deepEqual([error.code, error.temporary], [100, true]);
        assert.deepEqual(ill.events.unsubscribed.waiting, [], 'it tries again');
        ill.unsubscribe();
        const end = subscription(one, 'asked:end');
        end.subscribe();
        assert.equal((await one.events.disconnected.next()).code, 4500);
      });
    });

    it('publishes what the application makes of it', async () => {
      const publish = ({ data, user }) => {
        if (data.text === 'rude') return { error: { code: 1001, message: 'mind your words' } };
        return { result: { data: { text: data.text.toUpperCase(), by: user } } };
      };
      const handlers = { '/connect': ann, '/subscribe': () => ({ result: {} }), '/publish': publish };
      await asking(handlers, async (app, server) => {
        const [one, two] = [await open(server, 'session=a1'), await open(server, 'session=b1')];
        const sub = await subscribed(two, 'asked:room');
        await one.publish('asked:room', encoding.encode({ text: 'hello' }));
        const { data } = await sub.events.publication.next();
        assert.deepEqual(encoding.decode(data), { text: 'HELLO', by: 'ann' });
        await assert.rejects(one.publish('asked:room', encoding.encode({ text: 'rude' })), { code: 1001 });
      });
    });

    it('calls methods of the application', async () => {
      const rpc = ({ method, data, user }) => {
        if (method === 'add') return { result: { data: { sum: data[0] + data[1], user } } };
        if (method === 'hang') return HANG;
        return { error: { code: 404, message: `no ${method}` } };
      };
      const handlers = { '/connect': ann, '/rpc': rpc };
      await asking(
        handlers,
        async (app, server) => {
          const one = await open(server, 'session=a1');
          const { data } = await one.rpc('add', encoding.encode([2, 3]));
          assert.deepEqual(encoding.decode(data), { sum: 5, user: 'ann' });
          await assert.rejects(one.rpc('other', encoding.encode({})), { code: 404, message: 'no other' });
          await assert.rejects(one.rpc('hang', encoding.encode({})), { code: 100, temporary: true });
        },
        { timeout: '2s' },
      );
    });

    it('offers no methods where the application has none', async () => {
      await asking({ '/connect': ann }, async (app, server) => {
        const one = await open(server, 'session=a1');
        await assert.rejects(one.rpc('add', encoding.encode({})), { code: 108 });
      });
    });

    it('goes on for as long as the application says', async () => {
      const soon = () => inSeconds(2);
      const answers = [() => ({ expire_at: soon() }), () => ({ expired: true })];
      const handlers = {
        '/connect': () => ({ result: { user: 'ann', expire_at: soon() } }),
        '/refresh': () => ({ result: (answers.shift() ?? (() => ({})))() }),
      };
      await asking(handlers, async (app, server) => {
        const one = await open(server, 'session=a1');
        await one.events.connecting.next('the first attempt');
        const { body, headers } = await app.called('/refresh');
        assert.deepEqual([body.user, headers.cookie], ['ann', 'session=a1']);
        await app.called('/refresh');
        const { code } = await one.events.connecting.next('the application says it is over');
        assert.deepEqual([code, answers], [3005, []], 'and it was not before');
      });
    });
  });
}
