// Leaving: red before anybody is sent away, at a pace that can be chosen, and at once when told twice.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';

import { openTo } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { closeAll } from '../harness/opened.mjs';
import { Server } from '../harness/server.mjs';
import { Socket } from '../harness/socket.mjs';

/** How a node says goodbye on `/ws`. */
const GOODBYE = 3001;

const leaving = (server) => openTo({ chat: {} }, { server: { admin_listen: '127.0.0.1:0', ...server } });

const ready = async (server) => (await fetch(server.admin('/ready'))).status;

describe('a node that is told to end', () => {
  afterEach(closeAll);

  it('is not ready at once, lets clients in for shutdown_delay, and only then sends them away', async () => {
    const server = await Server.start({ config: leaving({ shutdown_delay: '8s', shutdown_spread: '0s' }) });
    try {
      const old = await Socket.follow(server.ws(''), ['chat:a']);
      let gone = false;
      old.end.then(() => (gone = true));
      const told = Date.now();
      server.signal('SIGTERM');
      await until(async () => (await ready(server)) === 503, '/ready is red');
      assert.equal((await fetch(server.admin('/health'))).status, 200, 'it is leaving, not ill');
      const late = await Socket.follow(server.ws(''), ['chat:a']);
      late.send({ id: 1, publish: { channel: 'chat:a', data: 'still served' } });
      assert.equal(JSON.parse(await old.frames.take((text) => JSON.parse(text).pub, 'message')).pub.data, 'still served');
      assert.equal(gone, false, 'nobody was sent away yet');
      for (const socket of [old, late]) assert.equal((await socket.closed()).code, GOODBYE);
      assert.ok(Date.now() - told >= 8000, 'the delay was waited for');
      assert.equal(await server.ended(), 0);
      server.assertQuiet();
    } finally {
      await server.kill();
    }
  });

  it('sends clients away one after the other, over shutdown_spread', async () => {
    const server = await Server.start({ config: leaving({ threads: 1, shutdown_spread: '2s' }) });
    try {
      const sockets = [];
      for (let n = 0; n < 10; n += 1) sockets.push(await Socket.follow(server.ws(''), ['chat:a']));
      const left = sockets.map(async (socket) => {
        assert.equal((await socket.closed()).code, GOODBYE);
        return Date.now();
      });
      const told = Date.now();
      await server.end();
      const times = (await Promise.all(left)).map((at) => at - told).sort((a, b) => a - b);
      // Ten of them, 200 ms apart. How much later than that one hears of it is the machine's affair.
      times.forEach((at, nth) => assert.ok(at >= nth * 200 - 50, `number ${nth} left after ${at} ms`));
    } finally {
      await server.kill();
    }
  });

  it('ends at once when told a second time, however long the delay', async () => {
    const server = await Server.start({ config: leaving({ shutdown_delay: '10m' }) });
    try {
      const socket = await Socket.follow(server.ws(''), ['chat:a']);
      server.signal('SIGTERM');
      await until(async () => (await ready(server)) === 503, '/ready is red');
      server.signal('SIGHUP'); // reads keys again, as ever, and ends nothing
      await until(() => /keys reloaded/.test(server.stderr), 'reloaded');
      assert.equal(await ready(server), 503);
      server.signal('SIGTERM');
      assert.equal(await server.ended(), 0);
      await socket.closed();
      server.assertQuiet();
    } finally {
      await server.kill();
    }
  });
});
