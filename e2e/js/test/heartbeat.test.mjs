// Pings: who answers stays, who does not is let go.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { configuration } from '../harness/configuration.mjs';
import { ENCODINGS, connected } from '../harness/sdk.mjs';
import { serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

// They wait together.
describe('heartbeat', { concurrency: true }, () => {
  const group = serving({
    config: configuration({
      client: { anonymous: true, insecure: true },
      limits: { ping: '4s', pong: '3s', connect: '4s' },
    }),
  });
  const open = () => Socket.open(group.server.ws('/connection/websocket'));

  it('keeps SDK clients connected, and ends a silent one with 3012, and its successor', async () => {
    const clients = [];
    for (const encoding of ENCODINGS) {
      clients.push(await connected(encoding, group.server.ws('/connection/websocket')));
    }
    for (const attempt of [1, 2]) {
      const silent = await open();
      const { connect } = await silent.ask({ id: 1, connect: {} });
      assert.deepEqual([connect.ping, connect.pong], [4, true]);
      assert.equal(await silent.frames.next('a ping'), '{}');
      assert.equal((await silent.closed()).code, 3012, `attempt ${attempt}`);
    }
    for (const sdk of clients) {
      assert.equal(sdk.state, 'connected');
      assert.equal(sdk.events.connecting.waiting.length, 1, 'connected once and stayed');
    }
  });

  it('keeps a client that answers by hand', async () => {
    const socket = await open();
    await socket.ask({ id: 1, connect: {} });
    for (const round of [1, 2, 3]) {
      assert.equal(await socket.frames.next(`ping ${round}`), '{}');
      socket.send('{}');
    }
    const reply = await socket.ask({ id: 2, rpc: { method: 'alive', data: null } });
    assert.equal(reply.error.code, 108);
  });

  it('ends a client that answers what nobody asked with 3501', async () => {
    const socket = await open();
    await socket.ask({ id: 1, connect: {} });
    socket.send('{}');
    assert.equal((await socket.closed()).code, 3501);
  });

  it('ends a client that never says `connect` with 3502', async () => {
    const socket = await open();
    assert.equal((await socket.closed()).code, 3502);
  });

  it('uses WebSocket pings on /ws, which a browser answers by itself', async () => {
    const socket = await Socket.follow(group.server.ws(''), ['chat:ping']);
    for (const round of [1, 2, 3]) await socket.pings.next(`ping ${round}`);
    assert.deepEqual(socket.frames.waiting, []);
  });

  it('uses WebSocket pings on the Centrifuge endpoint when asked to', async () => {
    const socket = await Socket.open(
      group.server.ws('/connection/websocket?cf_ws_frame_ping_pong=true'),
    );
    await socket.ask({ id: 1, connect: {} });
    for (const round of [1, 2]) await socket.pings.next(`ping ${round}`);
    assert.deepEqual(socket.frames.waiting, []);
  });

  it('ends a peer on /ws that does not answer WebSocket pings', async () => {
    const deaf = await Socket.follow(group.server.ws(''), ['chat:deaf'], { autoPong: false });
    assert.equal((await deaf.closed()).code, 3012);
  });
});
