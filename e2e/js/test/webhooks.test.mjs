// What the application is told of clients, channels, members and inboxes, whatever keeps it and on however many nodes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';

import { Application } from '../harness/application.mjs';
import { ROOT, trunkline } from '../harness/binary.mjs';
import { API_KEY, configuration, file, scratch } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { Crowd, comesOutEven, seeded } from '../harness/crowd.mjs';
import { block } from '../harness/docs.mjs';
import { metric } from '../harness/metrics.mjs';
import { freshSecret } from '../harness/receiver.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { Socket } from '../harness/socket.mjs';
import { HOUSES, deliverer, ofChannel, somebody, state, telling, uid } from '../harness/telling.mjs';
import { inSeconds, sign } from '../harness/token.mjs';

/** In which an event that has just happened carries a time, in ms. */
const LATELY_MS = 60_000;

/** How long it may take until somebody looks for unread messages, in ms. */
const UNREAD_MS = 60_000;

/** How often each of a crowd comes and goes. */
const VISITS = 20;

const [MEMORY] = HOUSES;

const open = (encoding, node, user) =>
  connected(encoding, node.ws('/connection/websocket'), { token: sign({ sub: user, exp: inSeconds(600) }) });

for (const house of HOUSES) {
  describe(`webhooks, ${house.name}`, () => {
    for (const encoding of ENCODINGS) {
      it(`tell a client's life in the order in which it is lived, ${encoding.name}`, async () => {
        await telling(house, [{}], async (nodes, receiver) => {
          const node = nodes.at(-1);
          const sdk = await open(encoding, node, 'ann');
          const { client } = sdk.hello;
          const room = await subscribed(sdk, 'chat:a');
          await subscribed(sdk, 'bare:b');
          room.unsubscribe();
          sdk.disconnect();
          const gone = await receiver.hears({ event: 'disconnected', client });
          assert.deepEqual(receiver.story({ client }), [
            'connected', 'subscribed chat:a', 'subscribed bare:b', 'unsubscribed chat:a', 'unsubscribed bare:b', 'disconnected',
          ]);
          const [came] = receiver.of({ client });
          assert.deepEqual([came.user, came.protocol], ['ann', `centrifuge_${encoding.name.toLowerCase()}`]);
          assert.equal(gone.reason, 'normal');
          const place = await uid(node);
          let time = came.time;
          assert.ok(Math.abs(Date.now() - time) < LATELY_MS, `time ${time}`);
          for (const event of receiver.of({ client })) {
            assert.deepEqual([event.node, event.user], [place, 'ann'], JSON.stringify(event));
            assert.ok(event.time >= time, 'time does not go back');
            time = event.time;
          }
        });
      });
    }

    it('tell once of channels and members, however many nodes they are on', async () => {
      await telling(house, [{}], async (nodes, receiver) => {
        const [encoding] = ENCODINGS;
        const tabs = [await open(encoding, nodes[0], 'ann'), await open(encoding, nodes.at(1) ?? nodes[0], 'ann')];
        for (const tab of tabs) await subscribed(tab, 'chat:room');
        await receiver.hears({ event: 'member_added', user: 'ann' });
        // Others know that her second tab is there once they know what it did after that.
        await subscribed(tabs[1], 'bare:after');
        await receiver.hears({ event: 'channel_occupied', channel: 'bare:after' });
        const bob = await open(encoding, nodes.at(-1), 'bob');
        await subscribed(bob, 'chat:room');
        await receiver.hears({ event: 'member_added', user: 'bob' });

        tabs[0].disconnect();
        await receiver.hears({ event: 'disconnected', client: tabs[0].hello.client });
        // What is told of another channel by now, and nothing of this one.
        await subscribed(bob, 'chat:other');
        await receiver.hears({ event: 'member_added', channel: 'chat:other' });
        assert.deepEqual(ofChannel(receiver, 'chat:room'), ['channel_occupied', 'member_added ann', 'member_added bob']);

        tabs[1].disconnect();
        await receiver.hears({ event: 'member_removed', user: 'ann' });
        bob.disconnect();
        await receiver.hears({ event: 'channel_vacated', channel: 'chat:room' });
        assert.deepEqual(ofChannel(receiver, 'chat:room'), [
          'channel_occupied', 'member_added ann', 'member_added bob', 'member_removed ann', 'member_removed bob', 'channel_vacated',
        ]);
      });
    });

    it('tell of the channels they name, such as those by which users are online', async () => {
      const table = { events: ['connected', 'channel_occupied', 'channel_vacated'], channels: ['#*', 'bare:b'] };
      await telling(house, [{ table }], async (nodes, receiver) => {
        const [encoding] = ENCODINGS;
        const phone = await open(encoding, nodes[0], 'ann');
        const laptop = await open(encoding, nodes.at(-1), 'ann');
        const bob = await open(encoding, nodes.at(-1), 'bob');
        for (const channel of ['chat:a', 'bare:bb', 'bare:b']) await subscribed(bob, channel);
        await receiver.hears({ event: 'channel_occupied', channel: 'bare:b' });
        for (const user of ['ann', 'bob']) await receiver.hears({ event: 'channel_occupied', channel: `#${user}` });
        phone.disconnect();
        bob.disconnect();
        await receiver.hears({ event: 'channel_vacated', channel: '#bob' });
        assert.deepEqual(ofChannel(receiver, '#ann'), ['channel_occupied'], 'she is still there');
        laptop.disconnect();
        await receiver.hears({ event: 'channel_vacated', channel: '#ann' });
        assert.deepEqual(ofChannel(receiver, '#ann'), ['channel_occupied', 'channel_vacated']);
        for (const channel of ['chat:a', 'bare:bb']) assert.deepEqual(receiver.of({ channel }), [], channel);
        await receiver.heard({ event: 'connected' }, 3);
      }, { inbox: { enabled: true } });
    });

    it('tell of those who come and go at the same time in turn: nobody comes twice, or leaves who has not come', async (t) => {
      await telling(house, [{}], async (nodes, receiver) => {
        const crowd = new Crowd(nodes, seeded(t));
        await crowd.run(VISITS);
        await receiver.heard({ event: 'disconnected' }, crowd.visits);
        await comesOutEven(receiver);
        const told = receiver.of({ channel: 'chat:x', event: 'channel_occupied' }).length;
        t.diagnostic(`${crowd.visits} visits, a channel occupied ${told} times`);
      });
    });

    it('name members where presence is known, and who is somebody', async () => {
      await telling(house, [{}], async (nodes, receiver) => {
        const [encoding] = ENCODINGS;
        const ann = await open(encoding, nodes[0], 'ann');
        const nobody = await connected(encoding, nodes.at(-1).ws('/connection/websocket'));
        for (const sdk of [ann, nobody]) await subscribed(sdk, 'bare:b');
        await subscribed(nobody, 'chat:silent');
        await subscribed(ann, 'bare:after');
        // Others know that both are in one channel once they know what each did after that.
        for (const channel of ['bare:b', 'chat:silent', 'bare:after']) await receiver.hears({ event: 'channel_occupied', channel });
        for (const sdk of [ann, nobody]) sdk.disconnect();
        for (const channel of ['bare:b', 'chat:silent']) {
          await receiver.hears({ event: 'channel_vacated', channel });
          assert.deepEqual(ofChannel(receiver, channel), ['channel_occupied', 'channel_vacated']);
        }
        await receiver.hears({ event: 'disconnected', client: nobody.hello.client });
        assert.deepEqual(receiver.of({ client: nobody.hello.client }).map(({ user }) => user), ['', '', '', '', '', '']);
      });
    });

    it('tell of messages that nobody reads, and not of those that are acknowledged', async () => {
      const table = { events: ['inbox_unread'], unread_after: '5s' };
      const inbox = { inbox: { enabled: true } };
      await telling(house, [{ table }], async (nodes, receiver) => {
        const message = async (userId, text) => {
          const headers = { 'X-API-Key': API_KEY };
          const body = JSON.stringify({ userId, message: text });
          const { status } = await fetch(nodes[0].http('/message'), { method: 'POST', headers, body });
          assert.equal(status, 200);
        };
        const [encoding] = ENCODINGS;
        const bob = await open(encoding, nodes.at(-1), 'bob');
        await message('bob', 'read at once');
        await bob.events.publication.next('a message');
        await bob.rpc('inbox.ack', { all: true });
        const before = Date.now();
        for (const text of ['first', 'second']) await message('ann', text);
        const after = Date.now();

        const told = await receiver.hears({ event: 'inbox_unread', user: 'ann' }, UNREAD_MS);
        assert.deepEqual([told.channel, told.unread], ['#ann', 2]);
        assert.ok(told.oldest >= before && told.oldest <= after, `oldest ${told.oldest}, sent from ${before} to ${after}`);
        assert.ok(Date.now() - told.oldest >= 5000, 'not before its time');

        await nodes[0].api.call('inbox_ack', { user: 'ann', all: true });
        await message('cat', 'a marker');
        await message('ann', 'third');
        await receiver.hears({ event: 'inbox_unread', user: 'cat' }, UNREAD_MS);
        const [, again] = await receiver.heard({ event: 'inbox_unread', user: 'ann' }, 2, UNREAD_MS);
        assert.equal(again.unread, 1);
        assert.deepEqual(receiver.of({ user: 'bob' }), []);
        assert.ok(receiver.events.every(({ event }) => event === 'inbox_unread'), 'nothing that was not asked for');
      }, inbox);
    });

    it('say how far each receiver is, and count what they do', async () => {
      await telling(house, [{}, { table: { events: ['connected'] } }], async (nodes, receiver, other) => {
        const ann = await somebody(nodes[0], 'ann', ['chat:a']);
        await receiver.hears({ event: 'member_added', user: 'ann' });
        await other.hears({ event: 'connected', client: ann.client });
        await until(async () => (await state(nodes.at(-1), receiver)).waiting === 0, 'nothing waits');
        assert.ok(nodes.includes(await deliverer(nodes, receiver)), 'one of the nodes delivers');
        await receiver.down();
        const bob = await somebody(nodes[0], 'bob', ['chat:a']);
        const behind = await until(async () => {
          const now = await state(nodes.at(-1), receiver);
          return now.waiting > 0 && now.attempt > 1 && now.last_error && now;
        }, 'the receiver is behind');
        assert.equal(behind.url, receiver.url.split('?')[0], 'without what may be a key');
        await other.hears({ event: 'connected', client: bob.client });
        await receiver.up();
        await receiver.hears({ event: 'member_added', user: 'bob' });
        await until(async () => (await state(nodes[0], receiver)).waiting === 0, 'nothing waits any more');

        const count = async (name) => {
          const all = await Promise.all(nodes.map((node) => metric(node, `trunkline_webhook_${name}`)));
          return all.reduce((sum, one) => sum + one, 0);
        };
        assert.ok((await count('events_total')) >= receiver.events.length);
        assert.ok((await count('deliveries_total')) >= 2);
        assert.ok((await count('failures_total')) >= 1);
        for (const name of ['events_lost_total', 'dead_letters_total', 'waiting']) assert.equal(await count(name), 0, name);
        assert.deepEqual([...new Set(other.events.map(({ event }) => event))], ['connected']);
      });
    });
  });
}

describe('webhooks', () => {
  it('say why a connection has ended', async () => {
    await telling(MEMORY, [{}], async ([node], receiver) => {
      const ends = [
        ['ann', () => node.api.call('disconnect', { user: 'ann', disconnect: { code: 4501, reason: 'signed out' } })],
        ['bob', () => node.api.call('disconnect', { user: 'bob' })],
        ['cat', (socket) => socket.destroy()],
      ];
      const told = {};
      for (const [user, end] of ends) {
        const socket = await somebody(node, user, ['chat:a']);
        await end(socket);
        const { reason, code, words } = await receiver.hears({ event: 'disconnected', client: socket.client });
        told[user] = [reason, code, words];
      }
      assert.deepEqual(told, {
        ann: ['custom', 4501, 'signed out'], bob: ['force_disconnect', undefined, undefined], cat: ['normal', undefined, undefined],
      });
    });
  });

  it('tell who somebody is that came as nobody', async () => {
    let user = '';
    const application = await Application.start({ '/connect': () => ({ result: { user } }) });
    const sections = { callbacks: application.section(), client: { anonymous: true, insecure: false } };
    try {
      await telling(MEMORY, [{}], async ([node], receiver) => {
        const socket = await Socket.open(node.ws('/ws?format=raw'), { headers: { Cookie: 'session=1' } });
        const { client, user: nobody, protocol } = await receiver.hears({ event: 'connected' });
        assert.deepEqual([nobody, protocol], ['', 'raw']);
        user = 'ann';
        socket.send({ msg_type: 'login' });
        await receiver.hears({ event: 'identified', client });
        await socket.close();
        await receiver.hears({ event: 'disconnected', client });
        const told = receiver.of({ client }).filter(({ channel }) => !channel);
        assert.deepEqual(told.map((one) => [one.event, one.user]), [['connected', ''], ['identified', 'ann'], ['disconnected', 'ann']]);
      }, sections);
    } finally {
      await application.stop();
    }
  });

  it('are signed with any text that is long enough, too', async () => {
    const receiver = { secret: 'a text of more than twenty-four bytes – ü' };
    await telling(MEMORY, [{ receiver }], async ([node], hook) => {
      const ann = await somebody(node, 'ann', ['chat:a']);
      await hook.hears({ event: 'connected', client: ann.client });
    });
  });

  it('are verified by the lines of the documentation', async () => {
    const text = await block('webhooks.md', 'js', 'webhook.verify');
    await telling(MEMORY, [{}], async ([node], receiver) => {
      // In its place, with what it would find in the environment.
      await receiver.down();
      const code = text.replace('8090', receiver.port);
      const env = { ...process.env, WEBHOOK_SECRET: receiver.secret };
      const cwd = path.join(ROOT, 'e2e/js');
      const program = spawn('node', ['--input-type=module', '--eval', code], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        let said = '';
        program.stdout.setEncoding('utf8').on('data', (part) => (said += part));
        await somebody(node, 'ann', ['chat:a']);
        await until(() => /^member_added \S+$/m.test(said), 'it says what it was told');
        assert.match(said, /^connected \S+$/m);
        const forged = { method: 'POST', body: '{"events":[]}', headers: { 'webhook-id': '1', 'webhook-timestamp': '1', 'webhook-signature': 'v1,' } };
        assert.equal((await fetch(receiver.url, forged)).status, 401);
      } finally {
        program.kill('SIGKILL');
      }
    });
  });

  it('are refused with what is wrong, and without what is secret', async () => {
    const { folder, remove } = await scratch();
    const good = { name: 'crm', url: 'https://app.example.com/events', secret: freshSecret() };
    const check = async (hooks, sections = {}) => {
      const text = configuration({ webhooks: hooks.map((hook) => ({ ...good, ...hook })), ...sections });
      return trunkline(['check-config', '--config', await file(folder, 'trunkline.toml', text)]);
    };
    try {
      const fine = await check([{}, { name: 'other', secret: 'a text of twenty-four. .' }]);
      assert.equal(fine.code, 0, fine.stderr);
      for (const [hooks, why] of [
        [[{ secret: 'whsec_notBase64!notBase64!notBase64!' }], /secret/],
        [[{ secret: `whsec_${'A'.repeat(28)}` }], /secret.* 24 /],
        [[{ secret: 'rather-too-short' }], /secret.* 24 /],
        [[{ url: 'ftp://app.example.com/' }], /http/],
        [[{ name: 'c r m' }], /"c r m" is no name/],
        [[{}, {}], /"crm" is configured twice/],
        [[{ events: [] }], /no events/],
        [[{ events: ['conected'] }], /`conected`; did you mean `connected`/],
        [[{ events: ['node_lost'] }], /node_lost/],
        [[{ events: ['inbox_unread'] }], /inbox.enabled/],
        [[{ retry_for: '0s' }], /retry_for.* 1s to 30d/],
        [[{ timeout: '1m' }], /timeout.* 100ms to 30s/],
      ]) {
        const { code, stderr } = await check(hooks);
        assert.equal(code, 2, stderr);
        assert.match(stderr, why);
        assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
        for (const { secret } of hooks) if (secret) assert.ok(!stderr.includes(secret.slice(6)), stderr);
      }
    } finally {
      await remove();
    }
  });
});
