// Messages of an inbox that nobody acknowledges: they come again, on one node and on two, as often as
// they should and no more often.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';

import { Api } from '../harness/api.mjs';
import { configuration } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { metric } from '../harness/metrics.mjs';
import { closeAll } from '../harness/opened.mjs';
import { Redis } from '../harness/redis.mjs';
import { Server } from '../harness/server.mjs';
import { against } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';
import { inSeconds, sign } from '../harness/token.mjs';

const config = (changes) =>
  configuration({ inbox: { enabled: true, redeliver_after: '4s' }, ...changes });

const again = ({ pub }) => pub?.tags?.inbox === 'again';

/** A device of Ann's. */
class Device {
  static async at(server) {
    const device = new Device();
    const query = `&token=${sign({ sub: 'ann', exp: inSeconds(600) })}`;
    device.socket = await Socket.follow(server.ws(''), [], { query });
    return device;
  }

  /** The publication with this payload, the first time; what came before stays. */
  async first(data) {
    const wanted = (text) => {
      const frame = JSON.parse(text);
      return frame.pub?.data === data && !again(frame);
    };
    return JSON.parse(await this.socket.frames.take(wanted, JSON.stringify(data))).pub;
  }

  /** The next publication that comes again. */
  async again() {
    const { pub } = JSON.parse(await this.socket.frames.take((text) => again(JSON.parse(text)), 'again'));
    assert.equal(pub.offset, undefined, 'it takes no place in the inbox');
    return [pub.data, pub.tags];
  }

  /** What has come again and was not asked for. */
  get rest() {
    return this.socket.frames.waiting.map((text) => JSON.parse(text)).filter(again);
  }

  /** Acknowledges, and returns how many are unread then. */
  async ack(data) {
    this.asked = (this.asked ?? 0) + 1;
    const { rpc } = await this.socket.ask({ id: this.asked, rpc: { method: 'inbox.ack', data } });
    return rpc.data.unread;
  }
}

const tagged = (offset) => ({ inbox: 'again', offset: `${offset}` });

describe('an inbox whose messages come again', () => {
  afterEach(closeAll);

  it('what is not acknowledged comes again with its tags, and what is does not', () =>
    against({ config: config({ storage: { backend: 'memory' } }) }, async (server, api) => {
      const ann = await Device.at(server);
      await api.call('publish', { user: 'ann', data: 'left', tags: { kind: 'order' } });
      await api.call('publish', { user: 'ann', data: 'read' });
      assert.equal((await ann.first('read')).offset, 2);
      assert.equal(await ann.ack({ offsets: [2] }), 1);

      const expected = ['left', { kind: 'order', ...tagged(1) }];
      assert.deepEqual(await ann.again(), expected);
      assert.deepEqual(await ann.again(), expected);
      assert.equal(await ann.ack({ upto: 2 }), 0);

      await api.call('publish', { user: 'ann', data: 'later' });
      assert.deepEqual(await ann.again(), ['later', tagged(3)]);
      assert.equal(await metric(server, 'trunkline_inbox_redelivered_total'), 3);
      const { unread } = await api.call('inbox_state', { user: 'ann' });
      assert.equal(unread, 1, 'that it came again does not make it two');
    }));

  it('two nodes over Redis send it once each time, to the devices on both', async () => {
    const redis = await Redis.start();
    const nodes = [];
    try {
      const changes = { storage: { backend: 'redis' }, redis: { urls: [redis.url()] } };
      for (let nth = 0; nth < 2; nth += 1) nodes.push(await Server.start({ config: config(changes) }));
      const [api, other] = nodes.map((node) => new Api(node));
      const known = async () => (await api.call('info')).nodes.length;
      await until(async () => (await known()) === nodes.length, 'the nodes know each other');
      const devices = await Promise.all(nodes.map((node) => Device.at(node)));
      const all = (what) => Promise.all(devices.map(what));

      await api.call('publish', { user: 'ann', data: 'one' });
      await other.call('publish', { user: 'ann', data: 'two' });
      for (let time = 1; time <= 2; time += 1) {
        for (const heard of await all(async (device) => [await device.again(), await device.again()])) {
          assert.deepEqual(heard, [['one', tagged(1)], ['two', tagged(2)]], `time ${time}`);
        }
      }
      assert.equal(await devices[1].ack({ upto: 2 }), 0);
      await api.call('publish', { user: 'ann', data: 'last' });
      await all((device) => device.first('last'));
      // What came before it would be there by now.
      for (const device of devices) assert.deepEqual(device.rest, []);
      for (const heard of await all((device) => device.again())) {
        assert.deepEqual(heard, ['last', tagged(3)]);
      }
      const counts = await Promise.all(nodes.map((node) => metric(node, 'trunkline_inbox_redelivered_total')));
      assert.equal(counts[0] + counts[1], 5);
      await closeAll();
      for (const node of nodes) await node.stop();
    } finally {
      for (const node of nodes) await node.kill();
      await redis.stop();
    }
  });
});
