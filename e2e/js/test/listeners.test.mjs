// Where clients may connect: TLS, a Unix socket, a socket that systemd opened.

import assert from 'node:assert/strict';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, describe, it } from 'node:test';

import { run, ROOT } from '../harness/binary.mjs';
import { certificate } from '../harness/certificate.mjs';
import { API_KEY, configuration, scratch } from '../harness/configuration.mjs';
import { until, within } from '../harness/deadline.mjs';
import { closeAll } from '../harness/opened.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { Server } from '../harness/server.mjs';
import { against } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

const OPEN = { anonymous: true, insecure: true };
const PUBLISH = ['-H', `X-API-Key: ${API_KEY}`, '-d', '{"channel":"chat:curl","data":1}'];

let place;
before(async () => {
  place = await scratch();
});
after(async () => {
  await closeAll();
  await place.remove();
});

describe('TLS', () => {
  const config = (made) =>
    configuration({ client: OPEN, server: { tls: { cert_file: made.cert, key_file: made.key } } });

  it('serves SDKs, plain sockets and curl', async () => {
    const made = await certificate(place.folder);
    await against({ config: config(made) }, async (server) => {
      const base = `wss://localhost:${server.port}`;
      const socket = await Socket.follow(base, ['chat:curl'], { ca: made.pem });
      const curl = await run('curl', [
        '-s', '--cacert', made.cert, `https://localhost:${server.port}/api/publish`, ...PUBLISH,
      ]);
      assert.equal(JSON.parse(curl.stdout).result.offset, 1, curl.stderr);
      assert.equal((await socket.json()).pub.data, 1);
      socket.send({ id: 1, publish: { channel: 'chat:curl', data: 'x'.repeat(60_000) } });
      const big = JSON.parse(await socket.frames.take((text) => text.length > 60_000, 'large publication'));
      assert.equal(big.pub.data.length, 60_000);
    });
  });

  it('does not talk to those who speak no TLS, nor mind them', async () => {
    const made = await certificate(place.folder);
    await against({ config: config(made) }, async (server) => {
      await assert.rejects(Socket.open(`ws://localhost:${server.port}/ws?channels=chat:a`));
      await Socket.follow(`wss://localhost:${server.port}`, ['chat:a'], { ca: made.pem });
    });
  });

  it('swaps the certificate on SIGHUP and keeps its connections', async () => {
    const first = await certificate(place.folder);
    await against({ config: config(first) }, async (server) => {
      const base = `wss://localhost:${server.port}`;
      const old = await Socket.follow(base, ['chat:curl'], { ca: first.pem });
      assert.equal(await shown(server.port), first.fingerprint);
      const second = await certificate(place.folder);
      server.signal('SIGHUP');
      await until(async () => (await shown(server.port)) === second.fingerprint, 'the new certificate');
      const fresh = await Socket.follow(base, ['chat:curl'], { ca: second.pem });
      old.send({ id: 1, publish: { channel: 'chat:curl', data: 'still here' } });
      const got = await old.frames.take((text) => JSON.parse(text).pub, 'publication on the old connection');
      assert.equal(JSON.parse(got).pub.data, 'still here');
      assert.equal((await fresh.json()).pub.data, 'still here');
    });
  });

  /** The fingerprint of the certificate that a port shows. */
  function shown(port) {
    const to = { port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false };
    const seen = new Promise((resolve, reject) => {
      const socket = tls.connect(to, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on('error', reject);
    });
    return within(seen, 'TLS handshake');
  }
});

describe('Unix socket', () => {
  it('serves curl and WebSocket clients, and is gone after the end', async () => {
    const at = path.join(place.folder, 'trunkline.sock');
    const config = configuration({ client: OPEN, server: { listen: `unix:${at}` } });
    for (const start of ['first', 'after a clean end']) {
      await against({ config }, async (server) => {
        assert.equal(server.listen, `unix:${at}`, start);
        const socket = await Socket.follow(`ws+unix:${at}:`, ['chat:curl']);
        const curl = await run('curl', ['-s', '--unix-socket', at, 'http://localhost/api/publish', ...PUBLISH]);
        assert.equal(JSON.parse(curl.stdout).result.offset, 1, curl.stderr);
        assert.equal((await socket.json()).pub.data, 1);
      });
    }
  });

  it('takes over the socket file that a killed server left', async () => {
    const at = path.join(place.folder, 'left.sock');
    const config = configuration({ client: OPEN, server: { listen: `unix:${at}` } });
    const killed = await Server.start({ config });
    await killed.kill();
    await against({ config }, async () => {
      await Socket.follow(`ws+unix:${at}:`, ['chat:a']);
    });
  });
});

describe('socket activation', () => {
  it('serves the descriptor it was given', async () => {
    const config = configuration({ client: OPEN, server: { listen: 'systemd' } });
    const command = ['python3', path.join(ROOT, 'e2e/js/harness/activate.py')];
    await against({ config, command }, async (server) => {
      const [, address] = await until(() => /^activated (\S+)$/m.exec(server.stderr), 'address');
      const sdk = await connected(ENCODINGS[0], `ws://${address}/connection/websocket`);
      const sub = await subscribed(sdk, 'chat:curl');
      const curl = await run('curl', ['-s', `http://${address}/api/publish`, ...PUBLISH]);
      assert.equal(JSON.parse(curl.stdout).result.offset, 1, curl.stderr);
      assert.equal((await sub.events.publication.next()).data, 1);
    });
  });

  it('says in one line when there is no such descriptor', async () => {
    const config = configuration({ client: OPEN, server: { listen: 'systemd' } });
    await assert.rejects(Server.start({ config }), /ended before it was ready \(2\)/);
  });
});
