// permessage-deflate, when the configuration allows it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { configuration } from '../harness/configuration.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

const OPEN = { anonymous: true, insecure: true };
const DEFLATE = { perMessageDeflate: { threshold: 0 } };

describe('compression on', () => {
  const group = serving({ config: configuration({ client: { ...OPEN, compression: true } }) });
  const open = (options) => Socket.follow(group.server.ws(''), ['chat:deflate'], options);
  const text = 'the same words again and again, '.repeat(500);

  it('is used with those who offer it, both ways, and not with others', async () => {
    const [packed, plain] = [await open(DEFLATE), await open({ perMessageDeflate: false })];
    assert.match(packed.ws.extensions, /permessage-deflate/);
    assert.equal(plain.ws.extensions, '');
    const before = packed.ws._socket.bytesRead;
    for (const n of [1, 2, 3]) {
      packed.send({ id: n, publish: { channel: 'chat:deflate', data: text + n } });
      for (const socket of [packed, plain]) {
        const frame = await socket.frames.take((json) => JSON.parse(json).pub, `publication ${n}`);
        assert.equal(JSON.parse(frame).pub.data, text + n);
      }
    }
    assert.ok(packed.ws._socket.bytesRead - before < text.length, 'three publications in fewer bytes than one');
  });

  it('agrees on smaller windows', async () => {
    for (const bits of [9, 12, 15]) {
      const windows = { serverMaxWindowBits: bits, clientMaxWindowBits: bits };
      const socket = await open({ perMessageDeflate: { threshold: 0, ...windows } });
      await group.api.publish('chat:deflate', text);
      assert.equal((await socket.json()).pub.data, text, `${bits} bits`);
      socket.destroy();
    }
  });

  it('does not let a small message become a large one', async () => {
    const socket = await open(DEFLATE);
    socket.send(JSON.stringify({ id: 1, publish: { channel: 'chat:deflate', data: 'x'.repeat(8_000_000) } }));
    assert.equal((await socket.closed()).code, 1009);
  });

  it('works for SDK clients in both encodings', async () => {
    for (const encoding of ENCODINGS) {
      const sdk = await connected(encoding, group.server.ws('/connection/websocket'));
      const sub = await subscribed(sdk, `chat:sdk-${encoding.name}`);
      await sub.publish(encoding.encode({ text }));
      assert.deepEqual(encoding.decode((await sub.events.publication.next()).data), { text });
    }
  });
});

describe('compression off', () => {
  const group = serving({ config: configuration({ client: OPEN }) });

  it('is not used, whatever is offered', async () => {
    const socket = await Socket.follow(group.server.ws(''), ['chat:deflate'], DEFLATE);
    assert.equal(socket.ws.extensions, '');
  });
});
