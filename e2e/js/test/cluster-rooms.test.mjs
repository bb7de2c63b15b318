// System 1 over three nodes: a room is one room, whichever node its members are on.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Cluster } from '../harness/cluster.mjs';
import { until } from '../harness/deadline.mjs';
import { Socket } from '../harness/socket.mjs';

/** In which everybody has to hear that the members of a node that died are gone, in ms. */
const DEAD_NODE_MS = 40_000;

const said = (user, room, message) => `{"user_id":${user},"room_id":"${room}","message":"${message}"}`;
const joined = (user, room) => said(user, room, `User ${user} connected to room - ${room}`);
const left = (user, room) => said(user, room, `User ${user} disconnected from room - ${room}`);

describe('rooms over three nodes', () => {
  let cluster;
  before(async () => {
    cluster = await Cluster.start({});
  });
  after(() => cluster?.stop());

  const enter = (nth, room, user) => Socket.open(cluster.nodes[nth].ws(`/api/v1/ws/${room}/${user}`));

  /** All of them hear it next, and nothing else. */
  const hear = async (members, frame) => {
    for (const member of members) assert.equal(await member.frames.next(frame), frame);
  };

  /** One member on each node, who have heard each other come. */
  const gather = async (room) => {
    const members = [];
    for (const nth of cluster.nodes.keys()) {
      members.push(await enter(nth, room, nth + 1));
      await hear(members, joined(nth + 1, room));
    }
    return members;
  };

  it('members hear each other come, speak and go, on whatever node they are', async () => {
    const [ann, bob, cat] = await gather('talk');
    ann.send('from the first');
    await hear([ann, bob, cat], said(1, 'talk', 'from the first'));
    cat.send('Gruß, 世界 🐎');
    await hear([ann, bob, cat], said(3, 'talk', 'Gruß, 世界 🐎'));
    await cluster.nodes[1].api.publish('rooms:talk', 'from the application');
    await hear([ann, bob, cat], said(0, 'talk', 'from the application'));
    await bob.close();
    await hear([ann, cat], left(2, 'talk'));
    const again = await enter(0, 'talk', 2);
    await hear([ann, cat, again], joined(2, 'talk'));
  });

  it('members come through the balancer like anybody else', async () => {
    await cluster.allUp();
    const url = (user) => cluster.ws(`/api/v1/ws/balanced/${user}`);
    const members = [];
    for (let user = 1; user <= 6; user += 1) {
      members.push(await Socket.open(url(user)));
      await hear(members, joined(user, 'balanced'));
    }
    members[5].send('all of you');
    await hear(members, said(6, 'balanced', 'all of you'));
    await assert.rejects(Socket.open(url('ann')), { status: 400 });
  });

  it('a connection that breaks is a goodbye, at once', async () => {
    const [ann, bob, cat] = await gather('broken');
    const broke = Date.now();
    cat.destroy();
    await hear([ann, bob], left(3, 'broken'));
    assert.ok(Date.now() - broke < DEAD_NODE_MS / 4, 'nobody waited for a timeout');
  });

  it('the order of one speaker is the same for all', async () => {
    const members = await gather('order');
    const count = 100;
    for (let n = 0; n < count; n += 1) members[0].send(`${n}`);
    for (let n = 0; n < count; n += 1) await hear(members, said(1, 'order', n));
  });

  it('a node hears of a room as long as somebody on it is in it', async () => {
    const nodes = async () => (await cluster.lines())['rooms:few'] ?? 0;
    const ann = await enter(0, 'few', 1);
    await hear([ann], joined(1, 'few'));
    assert.equal(await nodes(), 1);
    const bob = await enter(2, 'few', 2);
    await hear([ann, bob], joined(2, 'few'));
    assert.equal(await nodes(), 2);
    for (const member of [ann, bob]) await member.close();
    await until(async () => (await nodes()) === 0, 'none is left');
  });

  it('members stay while Redis is away, and speak again when it is back', async () => {
    const [ann, bob, cat] = await gather('outage');
    await cluster.redis.kill();
    const ready = async (node) => (await fetch(node.admin('/ready'))).status;
    for (const node of cluster.nodes) await until(async () => (await ready(node)) === 503, 'it is noticed');
    await cluster.redis.again();
    for (const node of cluster.nodes) await until(async () => (await ready(node)) === 200, 'it is back');
    ann.send('is anybody there?');
    await hear([ann, bob, cat], said(1, 'outage', 'is anybody there?'));
    cat.send('yes');
    await hear([ann, bob, cat], said(3, 'outage', 'yes'));
    await bob.close();
    await hear([ann, cat], left(2, 'outage'));
  });

  it('members of a node that dies are gone within 40 s, and may come back on another', async (t) => {
    const [ann, bob] = await gather('death');
    await enter(2, 'death', 4);
    await hear([ann, bob], joined(4, 'death'));
    const died = Date.now();
    await cluster.nodes[2].crash();
    const cat = await enter(0, 'death', 3);
    const goodbyes = [];
    while (goodbyes.length < 2) {
      const goodbye = () => ann.frames.waiting.find((text) => text.includes('disconnected'));
      const frame = await until(goodbye, 'goodbye', DEAD_NODE_MS);
      goodbyes.push(await ann.frames.take((text) => text === frame, frame));
    }
    assert.deepEqual(goodbyes.sort(), [left(3, 'death'), left(4, 'death')]);
    const seconds = (Date.now() - died) / 1000;
    t.diagnostic(`the members of the dead node were gone after ${seconds} s`);
    assert.ok(seconds * 1000 < DEAD_NODE_MS);
    cat.send('here');
    await bob.frames.take((text) => text === said(3, 'death', 'here'), 'one who came back');
    await cluster.nodes[2].again();
    const dan = await enter(2, 'death', 5);
    await dan.frames.take((text) => text === joined(5, 'death'), 'a new member');
    for (const member of [ann, bob, cat]) await member.frames.take((text) => text === joined(5, 'death'), 'told');
  });
});
