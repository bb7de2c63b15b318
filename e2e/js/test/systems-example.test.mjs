// `examples/systems`, started by its one command: business systems that publish whether nodes are up or
// not, and users who receive what concerns them, once.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { run } from '../harness/binary.mjs';
import { page } from '../harness/browser.mjs';
import { until } from '../harness/deadline.mjs';
import { Example } from '../harness/example.mjs';
import { closeAll } from '../harness/opened.mjs';
import { RawUser } from '../harness/raw.mjs';
import { Redis } from '../harness/redis.mjs';

/** How long it may take until all nodes are back and have carried what waited, in ms. */
const BACK_MS = 40_000;

/** The systems that run by themselves speak once, to users 1 to 3, and not again during a test. */
const ONCE = { PERIOD: '3600' };

/** What an example's people and systems do. */
class Systems extends Example {
  static start(options) {
    return super.start('systems', options);
  }

  /** A system says something to a user, as a person at a terminal would have it do. */
  async tell(name, user, text) {
    const { code, stderr } = await run(this.command('system'), [name, `${user}`, text], { env: this.env });
    assert.equal(code, 0, stderr);
  }

  /** A user's program, at `node` or wherever the proxy likes. */
  async user(user, node = `127.0.0.1:${this.nodePort}`) {
    const { origin } = new URL(this.address);
    const token = await (await fetch(`${origin}/token?user=${user}`, { method: 'POST' })).text();
    return RawUser.open(node, { token });
  }

  page(user) {
    return page(this.address.replace('user=1', `user=${user}`));
  }

  async stopAll() {
    await closeAll();
    await this.stop();
    await this.remove();
  }
}

const order = (text) => JSON.stringify({ system: 'orders', text });
const bill = (text) => JSON.stringify({ system: 'billing', text });
const count = (text) => JSON.stringify({ system: 'stock', text });

for (const nodes of [1, 3]) {
  describe(`systems as channels on ${nodes === 1 ? 'one node' : `${nodes} nodes`}`, () => {
    let example;
    before(async () => (example = await Systems.start({ args: ['--nodes', `${nodes}`], env: ONCE })));
    after(() => example?.stopAll());

    const read = (lines) => lines.map((line) => `${line.querySelector('b').textContent}: ${line.querySelector('p').textContent}`);
    const shows = (tab, texts, ms) => until(
      async () => `${await tab.locator('#list li').evaluateAll(read)}` === `${texts}`,
      `the page shows ${texts}`,
      ms,
    );

    it('each user sees what concerns them, from every system, and nothing else', async () => {
      const [seven, eight] = [await example.page(7), await example.page(8)];
      for (const tab of [seven, eight]) await tab.locator('#state[data-kind=connected]').waitFor();
      await example.tell('orders', 7, 'sent "today" \\o/');
      await shows(seven, ['orders: sent "today" \\o/']);
      await example.tell('billing', 7, 'paid');
      await example.tell('billing', 8, '<due>');
      await shows(seven, ['billing: paid', 'orders: sent "today" \\o/']);
      await shows(eight, ['billing: <due>']);
      assert.equal(await eight.locator('#wire').innerText(), bill('<due>'));
      await seven.click('#all');
      await shows(seven, []);
      await shows(eight, ['billing: <due>']);
      assert.deepEqual([...seven.errors, ...eight.errors], []);
    });

    it('two systems at once reach one user on two nodes, once and in order', async () => {
      const places = example.nodes();
      const sockets = [await example.user(17, places[0]), await example.user(17, places.at(-1))];
      const texts = Array.from({ length: 12 }, (_, n) => `number ${n}`);
      const say = async (name) => {
        for (const text of texts) await example.tell(name, 17, text);
      };
      await Promise.all([say('orders'), say('billing')]);
      for (const { messages, ...socket } of sockets) {
        await until(() => messages.length >= 24, `all of it; here are ${messages.length} at ${socket.user}`);
        for (const system of ['orders', 'billing']) {
          const own = messages.map((text) => JSON.parse(text)).filter((message) => message.system === system);
          assert.deepEqual(own.map(({ text }) => text), texts);
        }
      }
    });

    it('no socket notices when a system dies', async () => {
      const socket = await example.user(1);
      await socket.hears('billing, number 1');
      example.signal('SIGKILL', 'orders');
      await example.tell('billing', 1, 'orders is dead');
      await socket.hears('orders is dead');
      assert.equal((await socket.inbox('inbox.state', { limit: 1 })).msg_type, 'inbox.state', 'on the same connection');
    });

    it('what is said while no node is up arrives when one is, once', async () => {
      const names = Array.from({ length: nodes }, (_, nth) => `node ${nth + 1}`);
      const tab = await example.page(27);
      await tab.locator('#state[data-kind=connected]').waitFor();
      const times = example.said.split('node 1 is process').length;
      for (const name of names) example.killNode(name);
      await tab.locator('#state[data-kind=coming]').waitFor();
      // Over HTTP these two wait for a node; through Redis they do not.
      await Promise.all([example.tell('orders', 27, 'in the dark'), example.tell('billing', 28, 'in the dark')]);
      for (const name of names) await example.again(name, times);
      await shows(tab, ['orders: in the dark'], BACK_MS);
      const late = await example.user(28);
      assert.equal(await late.hears('in the dark', BACK_MS), 1);
      // Whatever was to come twice would have come before this.
      for (const user of [27, 28]) await example.tell('orders', user, 'and then');
      await shows(tab, ['orders: and then', 'orders: in the dark']);
      await late.hears('and then');
      assert.deepEqual(late.messages, [bill('in the dark'), order('and then')]);
    });
  });
}

describe('systems with a Redis of their own', () => {
  let redis;
  let example;
  before(async () => {
    redis = await Redis.start({ args: ['--appendonly', 'yes'] });
    example = await Systems.start({ args: ['--nodes', '3'], env: { ...ONCE, REDIS_URL: redis.url() } });
  });
  after(async () => {
    await example?.stopAll();
    await redis?.stop();
  });

  it('publish before any node was there', async () => {
    const socket = await example.user(1);
    for (const text of ['orders, number 1', 'billing, number 1']) assert.equal(await socket.hears(text), 1);
    assert.equal(socket.messages.filter((text) => text.includes('said before there was any node')).length, 2);
  });

  it('may know nothing but PUBLISH, and reach a user on every node, once', async () => {
    const sockets = [];
    for (const place of example.nodes()) sockets.push(await example.user(51, place));
    // What is said while nobody listens is lost, so it is said until somebody does.
    const from = (word) => sockets[2].messages.filter((message) => message.includes(word));
    const heard = async (word) => {
      let said = 0;
      const hears = async () => {
        await example.tell('stock', 51, `${word} ${(said += 1)}`);
        return from(word).length > 0;
      };
      await until(hears, 'somebody listens', BACK_MS);
    };
    await heard('before');
    await example.tell('stock', 52, 'for another user');
    for (const text of ['three left', 'two left']) await example.tell('stock', 51, text);
    for (const socket of sockets) {
      await socket.hears('two left');
      assert.deepEqual(socket.messages.slice(-2), [count('three left'), count('two left')]);
    }
    const times = example.said.split('node 1 is process').length;
    example.killNode('node 1');
    await heard('after');
    await example.again('node 1', times);
    await example.tell('stock', 51, 'after all');
    await sockets[2].hears('after all');
    assert.equal(new Set(sockets[2].messages).size, sockets[2].messages.length, 'none twice');
  });

  it('publish while none is, and each user receives it once when they are back', async () => {
    await example.stop();
    const users = [31, 32, 33];
    for (const user of users) {
      for (const name of ['orders', 'billing']) await example.tell(name, user, `${name} for ${user}`);
    }
    await example.run();
    for (const user of users) {
      const places = example.nodes();
      const sockets = [await example.user(user, places[user % 3]), await example.user(user, places[(user + 1) % 3])];
      await example.tell('orders', user, 'the last');
      for (const socket of sockets) {
        assert.equal(await socket.hears('the last', BACK_MS), 1);
        const wanted = [order(`orders for ${user}`), bill(`billing for ${user}`), order('the last')];
        await socket.sees(wanted.length);
        assert.deepEqual([...socket.messages].sort(), wanted.sort());
      }
    }
  });

  it('lose and repeat nothing though a node is killed while they speak', async () => {
    const places = example.nodes();
    const socket = await example.user(41, places[0]);
    const texts = Array.from({ length: 30 }, (_, n) => `message ${n}`);
    const times = example.said.split('node 3 is process').length;
    for (const [nth, text] of texts.entries()) {
      if (nth === 10) example.killNode('node 3');
      await example.tell('orders', 41, text);
    }
    assert.deepEqual((await socket.sees(30, BACK_MS)).map((message) => JSON.parse(message).text), texts);
    await example.again('node 3', times);
    await example.tell('orders', 41, 'the last');
    await socket.hears('the last');
    assert.equal(socket.messages.length, 31);
  });
});
