// Whatever one connection sends, it gets the protocol's own answer, and nobody else notices.

import assert from 'node:assert/strict';
import net from 'node:net';
import { before, describe, it } from 'node:test';

import { API_KEY, openTo } from '../harness/configuration.mjs';
import { Mailbox, within } from '../harness/deadline.mjs';
import { against, serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';
import { BINARY, TEXT, Wire } from '../harness/wire.mjs';

const CONNECT = JSON.stringify({ id: 1, connect: {} });

describe('bad input', () => {
  const group = serving();
  let bystander;
  let round = 0;

  before(async () => {
    bystander = await Socket.follow(group.server.ws(''), ['chat:bystander']);
  });

  /** A test after which a bystander must still receive what is published. */
  const harmless = (name, test) =>
    it(name, async () => {
      await test();
      round += 1;
      await group.api.publish('chat:bystander', round);
      assert.equal((await bystander.json('publication to the bystander')).pub.data, round);
    });

  const centrifuge = async (options) => {
    const wire = await Wire.upgrade(group.server, '/connection/websocket', options);
    return wire;
  };

  describe('frames', () => {
    const cases = [
      ['a reserved opcode', 1002, (wire) => wire.frame(0x83, Buffer.from('x'))],
      ['a reserved bit', 1002, (wire) => wire.frame(0xc1, Buffer.from('{}'))],
      ['a frame without a mask', 1002, (wire) => wire.frame(0x81, Buffer.from('{}'), { masked: false })],
      ['a fragmented control frame', 1002, (wire) => wire.frame(0x09, Buffer.from('x'))],
      ['a control frame of 126 bytes', 1002, (wire) => wire.frame(0x89, Buffer.alloc(126))],
      ['a continuation of nothing', 1002, (wire) => wire.frame(0x80, Buffer.from('x'))],
      ['a close frame of one byte', 1002, (wire) => wire.frame(0x88, Buffer.from('x'))],
      ['a close code that must not travel', 1002, (wire) => wire.frame(0x88, Buffer.from([0x03, 0xed]))],
      ['text that is not UTF-8', 1007, (wire) => wire.message(TEXT, [0x7b, 0xff, 0xfe, 0x7d])],
      ['a cut UTF-8 character', 1007, (wire) => wire.message(TEXT, [0xf0, 0x9f, 0x90])],
      ['a message that is too large', 1009, (wire) => wire.message(TEXT, Buffer.alloc(70_000, 0x20))],
      ['a frame that claims 2^62 bytes', 1009, (wire) => wire.frame(0x81, Buffer.alloc(0), { claimed: 2 ** 62 })],
      ['small frames that add up to too much', 1009, (wire) => {
        for (let n = 0; n < 70; n += 1) wire.frame(n === 0 ? 0x01 : 0x00, Buffer.alloc(1000, 0x20));
      }],
    ];
    for (const [name, code, send] of cases) {
      harmless(`${name}: ${code}`, async () => {
        const wire = await centrifuge();
        send(wire);
        assert.equal((await wire.closed()).code, code);
      });
    }
  });

  describe('commands', () => {
    const cases = [
      ['not JSON', 'hello'],
      ['JSON, but no object', '[1,2]'],
      ['an unknown command', '{"id":2,"dance":{}}'],
      ['no command', '{"id":2}'],
      ['no id', '{"subscribe":{"channel":"chat:x"}}'],
      ['a second connect', '{"id":2,"connect":{}}'],
      ['a negative id', '{"id":-1,"publish":{"channel":"chat:x","data":1}}'],
      ['a deep nest', `{"id":2,"publish":{"channel":"chat:x","data":${'['.repeat(20_000)}`],
    ];
    for (const [name, text] of cases) {
      harmless(`${name}: 3501`, async () => {
        const wire = await centrifuge();
        wire.message(TEXT, CONNECT);
        await wire.frames.next('connect reply');
        wire.message(TEXT, text);
        assert.equal((await wire.closed()).code, 3501);
      });
    }

    harmless('a command before connect: 3501', async () => {
      const wire = await centrifuge();
      wire.message(TEXT, '{"id":1,"subscribe":{"channel":"chat:x"}}');
      assert.equal((await wire.closed()).code, 3501);
    });

    harmless('Protobuf that is none: 3501', async () => {
      for (const bytes of [[0xff], [0x05, 0x08], [0x02, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0x0f, 1]]) {
        const wire = await centrifuge({ protocol: 'centrifuge-protobuf' });
        wire.message(BINARY, bytes);
        assert.equal((await wire.closed()).code, 3501, String(bytes));
      }
    });

    harmless('bad channel names: 107', async () => {
      const socket = await Socket.open(group.server.ws('/connection/websocket'));
      await socket.ask({ id: 1, connect: {} });
      const names = ['', 'x'.repeat(256), 'chat:späti', 'chat:a b\n', 'chat:\u0000'];
      for (const [n, channel] of names.entries()) {
        const reply = await socket.ask({ id: n + 2, subscribe: { channel } });
        assert.equal(reply.error?.code, 107, JSON.stringify(channel).slice(0, 30));
      }
      const ok = await socket.ask({ id: 99, subscribe: { channel: 'chat:good' } });
      assert.ok(ok.subscribe, 'the connection goes on');
    });

    harmless('more channels than a connection may have: 106', async () => {
      const socket = await Socket.open(group.server.ws('/connection/websocket'));
      await socket.ask({ id: 1, connect: {} });
      for (let n = 0; n < 128; n += 1) {
        assert.ok((await socket.ask({ id: n + 2, subscribe: { channel: `chat:${n}` } })).subscribe);
      }
      const reply = await socket.ask({ id: 999, subscribe: { channel: 'chat:one-more' } });
      assert.equal(reply.error.code, 106);
    });

    harmless('a bad command on /ws: 3501', async () => {
      const socket = await Socket.follow(group.server.ws(''), ['chat:x']);
      socket.send('{"id":1,"dance":{}}');
      assert.equal((await socket.closed()).code, 3501);
    });
  });

  describe('the server API', () => {
    const post = (path, body, headers = { 'X-API-Key': API_KEY }, method = 'POST') =>
      fetch(group.server.http(path), { method, headers, body });

    harmless('bad JSON: HTTP 400, or error 107', async () => {
      for (const body of ['', '{', '[]', '{"channel":', 'channel=x', '{"channel":"x","data":1']) {
        const response = await post('/api/publish', body);
        const code = response.status === 200 ? (await response.json()).error.code : response.status;
        assert.ok([400, 107].includes(code), `${body}: ${code}`);
      }
    });

    harmless('a missing or wrong key: 401', async () => {
      const body = JSON.stringify({ channel: 'chat:bystander', data: 'must not arrive' });
      for (const headers of [{}, { 'X-API-Key': 'wrong' }, { 'X-API-Key': '' }, { Authorization: 'apikey wrong' }]) {
        assert.equal((await post('/api/publish', body, headers)).status, 401);
      }
      assert.equal((await post('/api/publish?api_key=wrong', body, {})).status, 401);
    });

    harmless('a wrong method: 405', async () => {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        assert.equal((await post('/api/publish', undefined, undefined, method)).status, 405, method);
      }
    });

    harmless('an unknown path: 404', async () => {
      for (const path of ['/api/dance', '/api', '/nothing/here', '/../etc/passwd', '/%2e%2e/x']) {
        assert.equal((await post(path, '{}')).status, 404, path);
      }
    });

    harmless('a body that is too large: 413', async () => {
      const body = JSON.stringify({ channel: 'chat:x', data: 'x'.repeat(5 * 1024 * 1024) });
      const outcome = await post('/api/publish', body).then(
        (response) => response.status,
        () => 'closed', // refused before all of it was read
      );
      assert.ok([413, 'closed'].includes(outcome), String(outcome));
    });
  });

  describe('HTTP', () => {
    /** Sends bytes and returns the first line of the answer, or '' when the server just closes. */
    const answer = async (text) => {
      const lines = new Mailbox('answer');
      const socket = net.connect(group.server.port, '127.0.0.1');
      let got = '';
      socket.on('data', (bytes) => {
        got += bytes.toString('latin1');
        if (got.includes('\r\n')) lines.put(got.split('\r\n')[0]);
      });
      socket.on('error', () => {});
      socket.on('close', () => lines.put(''));
      socket.write(text);
      const line = await lines.next('status line');
      socket.destroy();
      return line;
    };
    const upgrade = (change) => {
      const fields = {
        Host: 'x', Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...change,
      };
      const lines = Object.entries(fields).filter(([, value]) => value !== null).map(([k, v]) => `${k}: ${v}`);
      return `GET /ws HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
    };
    const cases = [
      ['no HTTP at all', /^HTTP\/1.1 400|^$/, '\u0016\u0003\u0001\u0000garbage\r\n\r\n'],
      ['a head that is too large', /^HTTP\/1.1 (400|431)/, `GET / HTTP/1.1\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
      ['too many header fields', /^HTTP\/1.1 (400|431)/, `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(200)}\r\n`],
      ['an upgrade without a key', /^HTTP\/1.1 400/, upgrade({ 'Sec-WebSocket-Key': null })],
      ['an upgrade with a bad key', /^HTTP\/1.1 400/, upgrade({ 'Sec-WebSocket-Key': 'short' })],
      ['an upgrade to another version', /^HTTP\/1.1 (400|426)/, upgrade({ 'Sec-WebSocket-Version': '8' })],
      ['an upgrade to something else', /^HTTP\/1.1 (400|426)/, upgrade({ Upgrade: 'h2c' })],
      ['a WebSocket path without an upgrade', /^HTTP\/1.1 (400|426)/, 'GET /ws HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a good upgrade', /^HTTP\/1.1 101/, upgrade({})],
    ];
    for (const [name, expected, text] of cases) {
      harmless(name, async () => assert.match(await answer(text), expected));
    }

    harmless('an upgrade with an empty subprotocol header is accepted', async () => {
      assert.match(await answer(upgrade({ 'Sec-WebSocket-Protocol': '' })), /^HTTP\/1.1 101/);
    });
  });

  harmless('a peer that connects and says nothing does not stay', async () => {
    const wire = new Wire(group.server);
    await within(wire.end, 'end of a silent connection');
  });
});

describe('one subscription more than a channel may have', () => {
  it('is refused with 106, and made when somebody has left', async () => {
    const config = openTo({ chat: { subscribers_per_channel: 2 } });
    await against({ config }, async (server, api) => {
      const connected = async () => {
        const socket = await Socket.open(server.ws('/connection/websocket'));
        await socket.ask({ id: 1, connect: {} });
        return socket;
      };
      const subscribe = (id) => ({ id, subscribe: { channel: 'chat:few' } });
      const [first, second, third] = [await connected(), await connected(), await connected()];
      assert.ok((await first.ask(subscribe(2))).subscribe);
      assert.ok((await second.ask(subscribe(2))).subscribe);
      assert.deepEqual((await third.ask(subscribe(2))).error, { code: 106, message: 'limit exceeded' });
      assert.ok((await third.ask({ id: 3, subscribe: { channel: 'chat:other' } })).subscribe);

      const plain = await Socket.open(server.ws('/ws?channels=chat:few'));
      await plain.json('connect');
      const { channel, unsubscribe } = await plain.json('refusal');
      assert.deepEqual([channel, unsubscribe.code], ['chat:few', 106]);

      await first.ask({ id: 3, unsubscribe: { channel: 'chat:few' } });
      assert.ok((await third.ask(subscribe(4))).subscribe);
      await api.publish('chat:few', 'heard');
      for (const socket of [second, third]) {
        assert.equal((await socket.json('publication')).push.pub.data, 'heard');
      }
    });
  });
});
