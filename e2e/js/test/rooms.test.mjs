// System 1: `/api/v1/ws/{room_id}/{user_id}`, byte for byte.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { configuration } from '../harness/configuration.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';
import { inSeconds, sign } from '../harness/token.mjs';

const joined = (user, room) =>
  `{"user_id":${user},"room_id":"${room}","message":"User ${user} connected to room - ${room}"}`;
const left = (user, room) =>
  `{"user_id":${user},"room_id":"${room}","message":"User ${user} disconnected from room - ${room}"}`;

describe('rooms', () => {
  const group = serving();
  const enter = (room, user) => Socket.open(group.server.ws(`/api/v1/ws/${room}/${user}`));

  it('announces, delivers to all with the sender, and says goodbye', async () => {
    const ann = await enter('r', 1);
    assert.equal(await ann.frames.next('her own arrival'), joined(1, 'r'));
    const bob = await enter('r', 2);
    for (const member of [ann, bob]) assert.equal(await member.frames.next(), joined(2, 'r'));
    ann.send('hello');
    for (const member of [ann, bob]) {
      assert.equal(await member.frames.next(), '{"user_id":1,"room_id":"r","message":"hello"}');
    }
    bob.send('hi');
    for (const member of [ann, bob]) {
      assert.equal(await member.frames.next(), '{"user_id":2,"room_id":"r","message":"hi"}');
    }
    await bob.close();
    assert.equal(await ann.frames.next(), left(2, 'r'));
  });

  it('announces the leaving of one whose connection broke', async () => {
    const ann = await enter('broken', 1);
    await ann.frames.next('arrival');
    const bob = await enter('broken', 2);
    await ann.frames.next('arrival of 2');
    bob.destroy();
    assert.equal(await ann.frames.next('goodbye of 2'), left(2, 'broken'));
  });

  it('carries any text, escaped as JSON wants and not more', async () => {
    const ann = await enter('text', 7);
    await ann.frames.next('arrival');
    const texts = [
      '', '"quoted" \\ back/slash', 'line\nbreak\ttab\r', 'Gruß, 世界, 🐎', '\u0000\u001f\u2028',
      '{"message":"json is text too"}', ' '.repeat(3), 'x'.repeat(10_000),
    ];
    for (const text of texts) {
      ann.send(text);
      const frame = await ann.frames.next(JSON.stringify(text).slice(0, 40));
      assert.deepEqual(JSON.parse(frame), { user_id: 7, room_id: 'text', message: text });
      assert.ok(frame.startsWith('{"user_id":7,"room_id":"text","message":"'), frame);
    }
    ann.send('Gruß, 世界');
    assert.equal(await ann.frames.next(), '{"user_id":7,"room_id":"text","message":"Gruß, 世界"}');
  });

  it('keeps rooms apart', async () => {
    const [ann, bob] = [await enter('left', 1), await enter('right', 2)];
    assert.equal(await ann.frames.next(), joined(1, 'left'));
    assert.equal(await bob.frames.next(), joined(2, 'right'));
    ann.send('only left');
    bob.send('only right');
    assert.equal(JSON.parse(await ann.frames.next()).message, 'only left');
    assert.equal(JSON.parse(await bob.frames.next()).message, 'only right');
  });

  it('takes negative and large integers, and decodes the path', async () => {
    for (const user of ['-5', '0', '9007199254740993']) {
      const socket = await enter('numbers', user);
      assert.equal(await socket.frames.next(), joined(user, 'numbers'));
      await socket.close();
    }
    const socket = await enter('a%2Bb', 1);
    assert.equal(await socket.frames.next(), joined(1, 'a+b'));
    for (const room of ['caf%C3%A9', 'a%20b', '%', '%FF', 'x'.repeat(250)]) {
      await assert.rejects(enter(room, 1), { status: 400 }, room);
    }
  });

  it('refuses a user that is no integer with HTTP 400', async () => {
    for (const user of ['ann', '1.5', '1e3', '0x1', '%201', '1%20', '99999999999999999999', '+', '%FF']) {
      await assert.rejects(enter('r', user), { status: 400 }, user);
    }
  });

  it('is the channel rooms:r to everybody else', async () => {
    const ann = await enter('shared', 1);
    await ann.frames.next('arrival');
    const sdk = await connected(ENCODINGS[0], group.server.ws('/connection/websocket'));
    const sub = await subscribed(sdk, 'rooms:shared');
    await ann.frames.next('arrival of somebody without a number');
    ann.send('to both');
    assert.equal(await ann.frames.next(), '{"user_id":1,"room_id":"shared","message":"to both"}');
    const { data, info } = await sub.events.publication.next();
    assert.deepEqual([data, info.user], ['to both', '1']);
    await group.api.publish('rooms:shared', 'from the backend');
    const text = '{"user_id":0,"room_id":"shared","message":"from the backend"}';
    assert.equal(await ann.frames.next(), text);
  });

  it('keeps the order of one sender', async () => {
    const [ann, bob] = [await enter('order', 1), await enter('order', 2)];
    await bob.frames.take((frame) => frame === joined(2, 'order'), 'arrival');
    const count = 200; // at once, and below what one connection may have in flight
    for (let n = 0; n < count; n += 1) ann.send(String(n));
    for (let n = 0; n < count; n += 1) {
      assert.equal(JSON.parse(await bob.frames.next(`message ${n}`)).message, String(n));
    }
  });
});

describe('rooms outside --dev', () => {
  const group = serving({ config: configuration() });

  it('are off unless enabled', async () => {
    const token = sign({ sub: '1', exp: inSeconds(600) });
    const socket = Socket.open(group.server.ws(`/api/v1/ws/r/1?token=${token}`));
    await assert.rejects(socket, { status: 404 });
  });
});

describe('rooms outside --dev, enabled', () => {
  const group = serving({ config: configuration({ rooms: { enabled: true } }) });
  const enter = (room, user, claims) => {
    const query = claims ? `?token=${sign(claims)}` : '';
    return Socket.open(group.server.ws(`/api/v1/ws/${room}/${user}${query}`));
  };

  it('admit the user whose token it is', async () => {
    const socket = await enter('r', 42, { sub: '42', exp: inSeconds(600) });
    assert.equal(await socket.frames.next(), joined(42, 'r'));
  });

  it('refuse everybody else with 1008', async () => {
    const strangers = [undefined, { sub: '43', exp: inSeconds(600) }, { sub: '42', exp: inSeconds(-60) }];
    for (const claims of strangers) {
      const socket = await enter('r', 42, claims);
      const { code } = await socket.closed();
      assert.equal(code, 1008, JSON.stringify(claims));
      assert.deepEqual(socket.frames.waiting, []);
    }
  });
});
