// Webhooks when receivers are down, slow or ill, and when nodes die: everything arrives, in order, and nothing
// comes twice that does not say so. TRUNKLINE_LONG=1 has receivers down for two minutes instead of five seconds.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Crowd, comesOutEven, seeded } from '../harness/crowd.mjs';
import { DEADLINE_MS, until } from '../harness/deadline.mjs';
import { metric } from '../harness/metrics.mjs';
import { HANG } from '../harness/receiver.mjs';
import { Redis } from '../harness/redis.mjs';
import { Socket } from '../harness/socket.mjs';
import { HOUSES, NODE_LOST_MS, deliverer, ofChannel, over, somebody, state, telling, uid } from '../harness/telling.mjs';
import { Visitors } from '../harness/visitors.mjs';

/** How long a receiver is down, in ms. */
const DOWN_MS = process.env.TRUNKLINE_LONG ? 120_000 : 5_000;

/** What there is at least to be told of meanwhile, in events a second. */
const STEADY = 50;

/** The longest pause between two attempts, 10 % more, and time for what has gathered. In ms. */
const CAUGHT_UP_MS = 66_000 + 60_000;

const KEEPING = HOUSES.filter(({ keeps }) => keeps);

/** Each of the visitors was told of, from the beginning to the end, in order. */
async function allTold(receiver, visitors) {
  for (const { client, channel } of visitors) {
    await receiver.hears({ client, event: 'disconnected' }, CAUGHT_UP_MS);
    await receiver.hears({ channel, event: 'channel_vacated' }, CAUGHT_UP_MS);
  }
  for (const { client, channel } of visitors) {
    assert.deepEqual(receiver.story({ client }), ['connected', `subscribed ${channel}`, `unsubscribed ${channel}`, 'disconnected']);
    assert.deepEqual(ofChannel(receiver, channel), ['channel_occupied', 'channel_vacated']);
  }
}

for (const house of HOUSES) {
  describe(`webhooks in trouble, ${house.name}`, () => {
    it('lose nothing while the receiver is down', async (t) => {
      await telling(house, [{}], async (nodes, receiver) => {
        const visitors = new Visitors(nodes);
        await visitors.reaches(10);
        await receiver.heard({ event: 'disconnected' }, 10);
        await receiver.down();
        const [taken, before, since] = [receiver.events.length, visitors.served.length, Date.now()];
        await until(() => Date.now() - since >= DOWN_MS, 'it was down for long enough', 2 * DOWN_MS);
        await receiver.up();
        const came = visitors.served.length;
        await visitors.reaches(came + 10);
        await allTold(receiver, await visitors.stop());
        const rate = (receiver.events.length - taken) / (DOWN_MS / 1000);
        t.diagnostic(`${receiver.events.length} events, ${rate.toFixed(0)} a second, in ${receiver.attempts.length} attempts`);
        assert.ok(came > before, 'visitors came meanwhile');
        if (process.env.TRUNKLINE_LONG) assert.ok(rate >= STEADY, `${rate} events a second`);
        assert.equal(visitors.turnedAway, 0);
        assert.ok(receiver.attempts.some(({ attempt }) => attempt > 1));
      });
    });

    it('try again what was not taken, the same batch, ever more slowly', async () => {
      const ill = [500, 302, 404];
      const answer = () => ill.shift() ?? 204;
      await telling(house, [{ receiver: { answer } }], async (nodes, receiver) => {
        const ann = await somebody(nodes[0], 'ann', ['chat:a']);
        await receiver.hears({ client: ann.client, event: 'connected' }, CAUGHT_UP_MS);
        const [{ id }] = receiver.attempts;
        const tries = receiver.attempts.filter((one) => one.id === id);
        assert.deepEqual(tries.map(({ attempt, status }) => [attempt, status]), [[1, 500], [2, 302], [3, 404], [4, 204]]);
        assert.equal(new Set(tries.map(({ body }) => body)).size, 1);
        for (const nth of [0, 1, 2]) {
          const pause = tries[nth + 1].at - tries[nth].at;
          assert.ok(pause >= 900 * 2 ** nth && pause < 1100 * 2 ** nth + DEADLINE_MS, `${pause} ms after attempt ${nth + 1}`);
        }
      });
    });

    it('give up a receiver that does not answer within timeout, and try again', async () => {
      let hanging = 1;
      const answer = () => (hanging-- > 0 ? HANG : 204);
      await telling(house, [{ table: { timeout: '3s' }, receiver: { answer } }], async (nodes, receiver) => {
        const ann = await somebody(nodes[0], 'ann', ['chat:a']);
        await receiver.hears({ client: ann.client, event: 'connected' });
        const [first, second] = receiver.attempts;
        assert.deepEqual([second.id, second.attempt, second.body], [first.id, 2, first.body]);
        // It counts from when the node began, which is a little before the request is here.
        assert.ok(first.gone - first.at >= 1500 && first.gone - first.at < 3000 + DEADLINE_MS, `given up after ${first.gone - first.at} ms`);
      });
    });

    it('delay nobody else when one receiver is down', async () => {
      const tables = [['connected', 'disconnected'], ['subscribed', 'member_added', 'channel_vacated']];
      const hooks = tables.map((events) => ({ table: { events } }));
      await telling(house, hooks, async (nodes, ill, well) => {
        await ill.down();
        const clients = [];
        for (const user of ['ann', 'bob', 'cat']) {
          const socket = await somebody(nodes[0], user, [`chat:${user}`]);
          await well.hears({ event: 'member_added', user });
          await socket.close();
          await well.hears({ event: 'channel_vacated', channel: `chat:${user}` });
          clients.push(socket.client);
        }
        await until(async () => (await state(nodes[0], ill)).attempt > 1, 'the other one is tried again');
        await ill.up();
        for (const client of clients) {
          await ill.hears({ event: 'disconnected', client }, CAUGHT_UP_MS);
          assert.deepEqual(ill.story({ client }), ['connected', 'disconnected']);
          assert.equal(well.story({ client }).length, 1);
        }
        for (const [nth, receiver] of [ill, well].entries()) {
          assert.deepEqual(new Set(receiver.events.map(({ event }) => event)), new Set(tables[nth]));
        }
      });
    });

    it('set aside what nobody takes for retry_for, to be delivered again or dropped', async () => {
      let status = 500;
      const hook = { table: { retry_for: '1s' }, receiver: { answer: () => status } };
      await telling(house, [hook], async (nodes, receiver) => {
        const api = nodes.at(-1).api;
        const webhook = receiver.name;
        const dead = async (more = {}) => (await api.call('webhook_dead', { webhook, limit: 100, ...more })).letters;
        const isOf = (client) => (letter) => letter.events.some((event) => event.client === client);
        const dies = async (user) => {
          const { client } = await somebody(nodes[0], user, [`chat:${user}`]);
          await until(async () => (await dead()).some(isOf(client)), `${user} is in a dead letter`);
          return client;
        };
        assert.deepEqual(await dead(), []);
        const before = Date.now();
        const [ann, bob] = [await dies('ann'), await dies('bob')];
        status = 204;
        const cat = await somebody(nodes[0], 'cat', ['chat:cat']);
        await receiver.hears({ event: 'member_added', user: 'cat' });
        const letters = await dead();
        const letter = letters.find(isOf(ann));
        const arrived = ({ id }) => receiver.events.some((event) => event.id === id);
        assert.ok(!letters.some(({ events }) => events.some(arrived)), 'what is dead waits, and nothing waits for it');
        assert.equal(letter.webhook, webhook);
        assert.ok(letter.attempts >= 1 && /500/.test(letter.reason), JSON.stringify(letter));
        assert.ok(letter.first_tried >= before - 1000 && letter.given_up - letter.first_tried >= 900, JSON.stringify(letter));
        for (const event of letter.events) assert.equal(typeof event.id, 'string');

        // A page at a time.
        const paged = [];
        for (let after; ; ) {
          const { letters: page, next } = await api.call('webhook_dead', { webhook, limit: 1, ...(after && { after }) });
          assert.ok(page.length <= 1);
          paged.push(...page);
          if (!next) break;
          after = next;
        }
        assert.deepEqual(paged, letters);

        assert.deepEqual(await api.call('webhook_replay', { webhook, id: letter.id }), { replayed: 1 });
        await until(() => letter.events.every(arrived), 'its events, under the ids they had');
        const came = receiver.attempts.find((one) => one.status === 204 && one.events.some(({ id }) => id === letter.events[0].id));
        assert.ok(came.attempt > 1, 'it says that it was sent before');
        await until(async () => (await dead()).length === letters.length - 1, 'it is dead no more');
        const others = letters.filter(({ id }) => id !== letter.id);
        assert.ok(!others.some(({ events }) => events.some(arrived)), 'nothing but that one');

        const { replayed, more } = await api.call('webhook_replay', { webhook });
        assert.deepEqual([replayed, more ?? false], [others.length, false]);
        await receiver.hears({ client: bob, event: 'connected' });
        await until(async () => (await dead()).length === 0, 'none is left');

        status = 503;
        await dies('dora');
        await dies('emil');
        status = 204;
        await cat.close();
        await receiver.hears({ event: 'disconnected', client: cat.client });
        const [one, ...rest] = await dead();
        const ids = [one, ...rest].flatMap(({ events }) => events.map(({ id }) => id));
        assert.deepEqual(await api.call('webhook_discard', { webhook, id: one.id }), { discarded: 1 });
        assert.deepEqual(await api.call('webhook_discard', { webhook }), { discarded: rest.length });
        assert.deepEqual(await dead(), []);
        assert.deepEqual(await api.call('webhook_replay', { webhook }), { replayed: 0 });
        assert.deepEqual(receiver.events.filter(({ id }) => ids.includes(id)), [], 'dropped for good');

        for (const method of ['webhook_dead', 'webhook_replay', 'webhook_discard']) {
          const { body } = await api.post(method, { webhook: 'nobody' });
          assert.equal(body.error?.code, 107, `${method}: ${JSON.stringify(body)}`);
          assert.match(body.error.message, new RegExp(webhook), 'it names those there are');
        }
        const given = await Promise.all(nodes.map((node) => metric(node, 'trunkline_webhook_dead_letters_total')));
        assert.ok(given.reduce((sum, one) => sum + one, 0) >= 3);
      });
    });

    it('say what is missing when the outbox had no room for all of it', async () => {
      const kinds = ['connected', 'disconnected'];
      await telling(
        house,
        [{ table: { events: kinds } }],
        async (nodes, receiver) => {
          const first = await somebody(nodes[0], 'ann', ['bare:a']);
          await receiver.hears({ event: 'connected', client: first.client });
          await receiver.down();
          for (let n = 0; n < 50; n += 1) await (await Socket.open(nodes[0].ws('/ws?channels=bare:a'))).close();
          await until(async () => (await Promise.all(nodes.map(untold))).every((waiting) => waiting === 0), 'all but what is being written is in the outbox');
          await receiver.up();
          await first.close();
          await receiver.hears({ event: 'disconnected', client: first.client }, CAUGHT_UP_MS);
          const lost = receiver.of({ event: 'events_lost' });
          assert.ok(lost.length > 0, 'it says that something is missing');
          for (const { reason, count } of lost) assert.deepEqual([reason, typeof count], ['trimmed', 'number']);
          assert.ok(receiver.of({ event: 'connected' }).length < 51);
          // What has come is in order all the same.
          const times = receiver.of({ event: 'connected' }).map(({ time }) => time);
          assert.deepEqual(times, [...times].sort((one, other) => one - other));
        },
        { outbox: { size: 5 } },
      );
    });

    it('tell of everybody on a node that is told to end', async () => {
      await telling(house, [{}], async (nodes, receiver) => {
        const leaving = nodes.at(-1);
        const place = await uid(leaving);
        const clients = [];
        for (const user of ['ann', 'bob', 'cat']) clients.push((await somebody(leaving, user, ['chat:a', 'bare:b'])).client);
        await receiver.heard({ event: 'member_added', channel: 'chat:a' }, 3);
        await leaving.end();
        if (house.keeps) await leaving.again();
        for (const client of clients) {
          const { reason } = await receiver.hears({ event: 'disconnected', client });
          assert.equal(reason, 'shutdown');
          const [came, ...rest] = receiver.story({ client });
          assert.deepEqual([came, rest.pop()], ['connected', 'disconnected']);
          assert.deepEqual(rest.slice(0, 2), ['subscribed chat:a', 'subscribed bare:b']);
          assert.deepEqual(rest.slice(2).sort(), ['unsubscribed bare:b', 'unsubscribed chat:a']);
        }
        for (const channel of ['chat:a', 'bare:b']) await receiver.hears({ event: 'channel_vacated', channel });
        assert.equal(receiver.of({ event: 'member_removed', channel: 'chat:a' }).length, 3);
        if (!house.keeps) return leaving.again();
        const late = await somebody(leaving, 'dora', ['chat:a']);
        await receiver.hears({ event: 'connected', client: late.client });
        return assert.deepEqual(receiver.of({ event: 'node_lost', node: place }), []);
      });
    });
  });
}

for (const house of KEEPING) {
  // Most of their time is waiting until a node is believed to be dead: they wait together.
  describe(`webhooks and nodes that are killed, ${house.name}`, { concurrency: true }, () => {
    it('tell of what was there when it is over, also to a receiver that was down', async () => {
      await telling(house, [{}, {}], async (nodes, receiver, witness) => {
        const victim = nodes.at(-1);
        const place = await uid(victim);
        const ann = await somebody(victim, 'ann', ['chat:a', 'bare:b']);
        await receiver.hears({ event: 'member_added', user: 'ann' });
        await receiver.hears({ event: 'channel_occupied', channel: 'bare:b' });
        await receiver.down();
        const bob = await somebody(victim, 'bob', ['chat:b']);
        // What another receiver was told is in the outbox, which is one for all; and what the node had to say before.
        await witness.hears({ event: 'member_added', user: 'bob' });
        await witness.hears({ event: 'subscribed', client: bob.client });
        await victim.crash();
        if (house.several) await until(async () => (await uid(nodes[0])) && true, 'another one lives');
        else await victim.again();
        await receiver.up();
        await receiver.hears({ event: 'node_lost', node: place }, NODE_LOST_MS);
        for (const channel of ['chat:a', 'bare:b', 'chat:b']) await receiver.hears({ event: 'channel_vacated', channel }, NODE_LOST_MS);
        for (const user of ['ann', 'bob']) await receiver.hears({ event: 'member_removed', user }, NODE_LOST_MS);
        assert.deepEqual(receiver.story({ client: bob.client }), ['connected', 'subscribed chat:b']);
        assert.deepEqual(receiver.story({ client: ann.client }), ['connected', 'subscribed chat:a', 'subscribed bare:b']);
        assert.deepEqual(ofChannel(receiver, 'chat:b'), ['channel_occupied', 'member_added bob', 'member_removed bob', 'channel_vacated']);
        if (house.several) await victim.again();
        const late = await somebody(victim, 'cat', ['chat:c']);
        await receiver.hears({ event: 'connected', client: late.client });
        assert.equal(receiver.of({ event: 'node_lost' }).length, 1, 'once');
      });
    });

    if (house.several) {
      it('tell again who is on a node that was taken for dead and only slept', async () => {
        await telling(house, [{}], async (nodes, receiver) => {
          const sleeper = nodes.at(-1);
          const place = await uid(sleeper);
          const zoe = await somebody(sleeper, 'zoe', ['chat:a', 'bare:b']);
          await receiver.hears({ event: 'member_added', user: 'zoe' });
          await receiver.hears({ event: 'channel_occupied', channel: 'bare:b' });
          await receiver.heard({ event: 'subscribed', client: zoe.client }, 2);
          sleeper.signal('SIGSTOP');
          try {
            await receiver.hears({ event: 'node_lost', node: place }, NODE_LOST_MS);
            await receiver.hears({ event: 'channel_vacated', channel: 'bare:b' }, NODE_LOST_MS);
            await receiver.hears({ event: 'channel_vacated', channel: 'chat:a' }, NODE_LOST_MS);
          } finally {
            sleeper.signal('SIGCONT');
          }
          await receiver.heard({ event: 'subscribed', client: zoe.client }, 4, NODE_LOST_MS);
          await receiver.heard({ event: 'member_added', user: 'zoe' }, 2, NODE_LOST_MS);
          await zoe.close();
          await receiver.hears({ event: 'disconnected', client: zoe.client });
          await receiver.heard({ event: 'channel_vacated', channel: 'chat:a' }, 2);
          // In whichever order it names the channels that its connections are in.
          const life = ['connected', 'subscribed bare:b', 'subscribed chat:a'];
          const story = receiver.story({ client: zoe.client });
          assert.deepEqual([story.slice(0, 3).sort(), story.slice(3, 6).sort()], [life, life]);
          assert.deepEqual([story[0], story[3], story.at(-1)], ['connected', 'connected', 'disconnected']);
          const channel = ['channel_occupied', 'member_added zoe', 'member_removed zoe', 'channel_vacated'];
          assert.deepEqual(ofChannel(receiver, 'chat:a'), [...channel, ...channel]);
        });
      });
    }

    it('leave nothing uneven when it happens among many who come and go', async (t) => {
      await telling(house, [{}], async (nodes, receiver) => {
        const crowd = new Crowd(nodes, seeded(t));
        const running = crowd.run();
        for (const victim of nodes) {
          const before = crowd.visits;
          await until(() => crowd.visits >= before + 50, '50 visits more');
          await victim.crash();
          await victim.again();
        }
        crowd.stop();
        await running;
        await comesOutEven(receiver, NODE_LOST_MS);
        const lost = receiver.of({ event: 'node_lost' }).map(({ node }) => node);
        assert.equal(new Set(lost).size, nodes.length);
        assert.equal(lost.length, nodes.length, 'each once');
      });
    });

    it('go on where they were when the delivering node is killed in the middle of a delivery', async (t) => {
      let victim;
      let armed = false;
      const answer = async () => {
        if (!armed) return 204;
        armed = false;
        await victim.crash();
        return HANG;
      };
      await telling(house, [{ receiver: { answer } }], async (nodes, receiver) => {
        const first = await somebody(nodes[0], 'ann', ['chat:first']);
        await receiver.hears({ event: 'member_added', user: 'ann' });
        victim = await until(() => deliverer(nodes, receiver), 'somebody delivers');
        const place = await uid(victim);
        const last = await somebody(victim, 'zoe', ['chat:last']);
        await receiver.hears({ event: 'member_added', user: 'zoe' });
        await receiver.hears({ event: 'subscribed', client: last.client });
        const others = house.several ? nodes.filter((node) => node !== victim) : nodes;
        const visitors = new Visitors(others);
        await visitors.reaches(20);
        armed = true;
        await until(() => !armed, 'a delivery began');
        const killed = Date.now();
        await until(() => receiver.attempts.some(({ status }) => status === undefined), 'its node is dead');
        if (!house.several) await victim.again();
        // What one node alone had not written down yet when it was killed is gone with it.
        const from = house.several ? 0 : visitors.served.length;
        await visitors.reaches(visitors.served.length + 50);
        const next = await until(() => receiver.attempts.find(({ at, status }) => at > killed + 1 && status === 204), 'somebody else delivers', NODE_LOST_MS);
        t.diagnostic(`delivered again after ${((next.at - killed) / 1000).toFixed(1)} s`);
        const served = await visitors.stop();
        await allTold(receiver, served.slice(from));
        await receiver.hears({ event: 'node_lost', node: place }, NODE_LOST_MS);
        await receiver.hears({ event: 'channel_vacated', channel: 'chat:last' }, NODE_LOST_MS);
        await receiver.hears({ event: 'member_removed', user: 'zoe' }, NODE_LOST_MS);
        assert.deepEqual(receiver.story({ client: last.client }), ['connected', 'subscribed chat:last']);
        if (house.several) await victim.again();
        await first.close();
        assert.equal(receiver.of({ event: 'node_lost' }).length, 1);
        assert.deepEqual(receiver.of({ event: 'events_lost' }), []);
      });
    });
  });
}

/** How much a node still has in its own memory that is to be told; what is just being written is not among it. */
function untold(node) {
  return metric(node, 'trunkline_webhook_waiting');
}

describe('webhooks and Redis', () => {
  it('lose nothing while it is down', async (t) => {
    const redis = await Redis.start({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    await telling(over(redis), [{}], async (nodes, receiver) => {
      const guests = [];
      for (let n = 0; n < 9; n += 1) guests.push(await somebody(nodes[n % nodes.length], `guest-${n}`, [`chat:guest-${n}`]));
      const visitors = new Visitors(nodes);
      await visitors.reaches(10);
      await redis.kill();
      for (const guest of guests) await guest.close();
      const there = visitors.served.length;
      const since = Date.now();
      await until(() => Date.now() - since >= DOWN_MS, 'it was down for long enough', 2 * DOWN_MS);
      const meanwhile = visitors.served.length;
      await redis.again();
      await visitors.reaches(meanwhile + 20, CAUGHT_UP_MS);
      const served = await visitors.stop();
      t.diagnostic(`${there} visitors before, ${meanwhile - there} meanwhile, ${served.length - meanwhile} after; ${visitors.turnedAway} turned away`);
      for (const { client } of served) await receiver.hears({ client, event: 'disconnected' }, CAUGHT_UP_MS);
      for (const { client, channel } of served) {
        assert.deepEqual(receiver.story({ client }), ['connected', `subscribed ${channel}`, `unsubscribed ${channel}`, 'disconnected']);
      }
      for (const [n, { client }] of guests.entries()) {
        const channel = `chat:guest-${n}`;
        await receiver.hears({ channel, event: 'channel_vacated' }, CAUGHT_UP_MS);
        assert.deepEqual(receiver.story({ client }), ['connected', `subscribed ${channel}`, `unsubscribed ${channel}`, 'disconnected']);
        assert.deepEqual(ofChannel(receiver, channel), [
          'channel_occupied', `member_added guest-${n}`, `member_removed guest-${n}`, 'channel_vacated',
        ]);
      }
      assert.deepEqual(receiver.of({ event: 'events_lost' }), []);
      assert.deepEqual(receiver.of({ event: 'node_lost' }), []);
    });
  });
});
