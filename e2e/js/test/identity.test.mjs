// Who may connect and what they may do: tokens, permissions, and the server API's power over users.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { trunkline } from '../harness/binary.mjs';
import { TOKEN_SECRET, configuration } from '../harness/configuration.mjs';
import { ENCODINGS, client, connected, subscribed, subscription } from '../harness/sdk.mjs';
import { serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';
import { inSeconds, sign } from '../harness/token.mjs';

for (const encoding of ENCODINGS) {
  describe(`identity, ${encoding.name}`, () => {
    const group = serving({ config: configuration() });
    const url = () => group.server.ws('/connection/websocket');
    const connectAs = (user, options = {}) =>
      connected(encoding, url(), { token: sign({ sub: user, exp: inSeconds(600) }), ...options });
    const data = (context) => encoding.decode(context.data);

    it('accepts a token made by `trunkline token`', async () => {
      const made = await trunkline(['token', '--user', 'ann'], {
        env: { TRUNKLINE_TOKEN__HMAC_SECRET: TOKEN_SECRET },
      });
      assert.equal(made.code, 0, made.stderr);
      const ann = await connected(encoding, url(), { token: made.stdout.trim() });
      const sub = await subscribed(ann, 'chat:token');
      const { clients } = await sub.presence();
      assert.equal(clients[ann.hello.client].user, 'ann');
    });

    it('shows the info of a token to others, and the user to all', async () => {
      const token = sign({ sub: 'ann', exp: inSeconds(600), info: { name: 'Ann' } });
      const ann = await connected(encoding, url(), { token });
      const bob = await connectAs('bob');
      const [hers, his] = [await subscribed(ann, 'chat:info'), await subscribed(bob, 'chat:info')];
      await hers.publish(encoding.encode('hi'));
      const { info } = await his.events.publication.next();
      assert.equal(info.user, 'ann');
      assert.deepEqual(encoding.decode(info.connInfo), { name: 'Ann' });
    });

    it('turns away a client without a token, for good', async () => {
      const sdk = client(encoding, url());
      sdk.connect();
      const { code } = await sdk.events.disconnected.next();
      assert.equal(code, 3501);
    });

    it('turns away a token that another secret signed, for good', async () => {
      const sdk = client(encoding, url(), {
        token: sign({ sub: 'ann', exp: inSeconds(600) }, 'not the secret of this server'),
      });
      sdk.connect();
      assert.equal((await sdk.events.disconnected.next()).code, 3500);
    });

    it('asks for a new token when the first is expired (109)', async () => {
      let asked = 0;
      const sdk = client(encoding, url(), {
        token: sign({ sub: 'ann', exp: inSeconds(-60) }),
        getToken: async () => {
          asked += 1;
          return sign({ sub: 'ann', exp: inSeconds(600) });
        },
      });
      sdk.connect();
      await sdk.events.connected.next();
      assert.equal(asked, 1);
    });

    it('refreshes a token before it expires, without a break', async () => {
      let refreshed;
      const asked = new Promise((resolve) => (refreshed = resolve));
      const ann = await connected(encoding, url(), {
        token: sign({ sub: 'ann', exp: inSeconds(2) }),
        getToken: async () => {
          setImmediate(refreshed);
          return sign({ sub: 'ann', exp: inSeconds(600) });
        },
      });
      const sub = await subscribed(ann, 'chat:refresh');
      await asked;
      await sub.publish(encoding.encode('same connection'));
      assert.equal(data(await sub.events.publication.next()), 'same connection');
      assert.deepEqual(ann.events.disconnected.waiting, []);
      assert.equal(ann.events.connecting.waiting.length, 1, 'connected once');
    });

    it('answers a subscription to an unknown namespace with 102', async () => {
      const sub = subscription(await connectAs('ann'), 'nowhere:1');
      sub.subscribe();
      assert.equal((await sub.events.unsubscribed.next()).code, 102);
    });

    it('answers what is not allowed with 103, and what is off with 108', async () => {
      const ann = await connectAs('ann');
      const sub = subscription(ann, 'bare:1');
      sub.subscribe();
      assert.equal((await sub.events.unsubscribed.next()).code, 103);
      await assert.rejects(ann.publish('chat:not-in', encoding.encode(1)), { code: 103 });
      await assert.rejects(ann.presence('chat:not-in'), { code: 103 });
      await assert.rejects(ann.history('chat:not-in', { limit: 1 }), { code: 103 });
      await assert.rejects(ann.presence('bare:1'), { code: 108 });
      await assert.rejects(ann.history('bare:1', { limit: 1 }), { code: 108 });
    });

    it('opens a channel to a subscription token, and only to the right one', async () => {
      const ann = await connectAs('ann');
      const made = await trunkline(['token', '--user', 'ann', '--channel', 'bare:token'], {
        env: { TRUNKLINE_TOKEN__HMAC_SECRET: TOKEN_SECRET },
      });
      assert.equal(made.code, 0, made.stderr);
      await subscribed(ann, 'bare:token', { token: made.stdout.trim() });

      const forged = sign({ sub: 'ann', channel: 'bare:forged', exp: inSeconds(600) }, 'other');
      const denied = subscription(ann, 'bare:forged', { token: forged });
      denied.subscribe();
      assert.equal((await denied.events.unsubscribed.next()).code, 103);

      const elsewhere = sign({ sub: 'ann', channel: 'bare:token', exp: inSeconds(600) });
      subscription(ann, 'bare:other', { token: elsewhere }).subscribe();
      assert.equal((await ann.events.disconnected.next()).code, 3500);
    });

    it('asks for a new subscription token when the first is expired', async () => {
      const claims = { sub: 'ann', channel: 'bare:again' };
      const sub = await subscribed(await connectAs('ann'), 'bare:again', {
        token: sign({ ...claims, exp: inSeconds(-60) }),
        getToken: async () => sign({ ...claims, exp: inSeconds(600) }),
      });
      assert.equal(sub.state, 'subscribed');
    });

    it('keeps private channels for those with a token', async () => {
      const sub = subscription(await connectAs('ann'), '$chat:private');
      sub.subscribe();
      assert.equal((await sub.events.unsubscribed.next()).code, 103);
    });

    it('disconnects a user at the word of the server API, for good', async () => {
      const [ann, phone, bob] = [await connectAs('kim'), await connectAs('kim'), await connectAs('lee')];
      await group.api.call('disconnect', { user: 'kim' });
      for (const device of [ann, phone]) {
        const { code } = await device.events.disconnected.next();
        assert.equal(code, 3503);
        assert.equal(device.state, 'disconnected');
      }
      await assert.rejects(bob.rpc('still here', encoding.encode(null)), { code: 108 });
    });

    it('disconnects with the code the application chose, which may mean: come back', async () => {
      const ann = await connectAs('mia');
      await group.api.call('disconnect', { user: 'mia', disconnect: { code: 4200, reason: 'moved' } });
      await ann.events.connected.next('reconnected');
      const reason = await ann.events.connecting.take((context) => context.code === 4200, 'code 4200');
      assert.equal(reason.reason, 'moved');
    });

    it('subscribes a user from the server side, and unsubscribes', async () => {
      const ann = await connectAs('nia');
      await group.api.call('subscribe', { user: 'nia', channel: 'chat:pushed' });
      assert.equal((await ann.events.subscribed.next()).channel, 'chat:pushed');
      await group.api.publish('chat:pushed', 'to all devices');
      const got = await ann.events.publication.next();
      assert.deepEqual([got.channel, data(got)], ['chat:pushed', 'to all devices']);
      await group.api.call('unsubscribe', { user: 'nia', channel: 'chat:pushed' });
      assert.equal((await ann.events.unsubscribed.next()).channel, 'chat:pushed');
    });

    it('ends a client\'s own subscription at the word of the server API', async () => {
      const ann = await connectAs('oda');
      const sub = await subscribed(ann, 'chat:ended');
      await group.api.call('unsubscribe', { user: 'oda', channel: 'chat:ended' });
      assert.equal((await sub.events.unsubscribed.next()).code, 2000);
    });

    it('gives a token\'s channels to the connection', async () => {
      const token = sign({ sub: 'pia', exp: inSeconds(600), channels: ['bare:claimed'] });
      const sdk = client(encoding, url(), { token });
      sdk.connect();
      assert.equal((await sdk.events.subscribed.next()).channel, 'bare:claimed');
      await group.api.publish('bare:claimed', 1);
      assert.equal(data(await sdk.events.publication.next()), 1);
    });
  });
}

describe('identity, by hand', () => {
  const group = serving({ config: configuration() });
  const open = async (claims) => {
    const socket = await Socket.open(group.server.ws('/connection/websocket'));
    await socket.ask({ id: 1, connect: { token: sign(claims) } });
    return socket;
  };

  it('says when a token will expire, in the connect reply', async () => {
    const socket = await Socket.open(group.server.ws('/connection/websocket'));
    const token = sign({ sub: 'ann', exp: inSeconds(600) });
    const { connect } = await socket.ask({ id: 1, connect: { token } });
    assert.equal(connect.expires, true);
    assert.ok(connect.ttl > 590 && connect.ttl <= 600, `ttl ${connect.ttl}`);
    assert.deepEqual([connect.ping, connect.pong], [25, true]);
  });

  it('refuses a refresh for another user with 3500', async () => {
    const socket = await open({ sub: 'ann', exp: inSeconds(600) });
    socket.send({ id: 2, refresh: { token: sign({ sub: 'bob', exp: inSeconds(600) }) } });
    assert.equal((await socket.closed()).code, 3500);
  });

  it('answers a second subscribe to one channel with 105', async () => {
    const socket = await open({ sub: 'ann', exp: inSeconds(600) });
    assert.ok((await socket.ask({ id: 2, subscribe: { channel: 'chat:twice' } })).subscribe);
    const again = await socket.ask({ id: 3, subscribe: { channel: 'chat:twice' } });
    assert.equal(again.error.code, 105);
  });

  it('answers an unsubscribe from a channel it is not in with success', async () => {
    const socket = await open({ sub: 'ann', exp: inSeconds(600) });
    const reply = await socket.ask({ id: 2, unsubscribe: { channel: 'chat:never' } });
    assert.deepEqual(reply, { id: 2, unsubscribe: {} });
  });
});
