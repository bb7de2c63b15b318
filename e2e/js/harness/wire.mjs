// WebSocket by hand: bytes that no well-behaved client library would send.

import { randomBytes } from 'node:crypto';
import net from 'node:net';

import { Mailbox, within } from './deadline.mjs';
import { remember } from './opened.mjs';

export const TEXT = 0x1;
export const BINARY = 0x2;
const CLOSE = 0x8;

export class Wire {
  #bytes = Buffer.alloc(0);
  #upgraded = false;

  /** Opens a TCP connection and upgrades it. */
  static async upgrade(server, path, { protocol } = {}) {
    const wire = new Wire(server);
    const extra = protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : '';
    wire.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${server.listen}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${extra}\r\n`,
    );
    const head = await wire.head.next('HTTP answer');
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(`not upgraded: ${head}`);
    return wire;
  }

  /** Opens a TCP connection and sends nothing. */
  constructor(server) {
    this.head = new Mailbox('HTTP head');
    this.frames = new Mailbox('raw frames');
    this.socket = net.connect(server.port, '127.0.0.1');
    remember(() => this.destroy());
    this.socket.on('error', () => {}); // a reset is one way to be refused; `ended` tells of it
    this.socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#read();
    });
    this.end = new Promise((resolve) => this.socket.on('close', resolve));
  }

  #read() {
    if (!this.#upgraded) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#bytes.subarray(0, end).toString('latin1');
      this.#bytes = this.#bytes.subarray(end + 4);
      this.#upgraded = head.startsWith('HTTP/1.1 101');
      this.head.put(head);
    }
    for (let frame = this.#upgraded && this.#frame(); frame; frame = this.#frame()) {
      this.frames.put(frame);
    }
  }

  /** Cuts one server frame (never masked) off the front of the bytes that came. */
  #frame() {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const short = bytes[1] & 0x7f;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < head) return undefined;
    let length = short;
    if (head === 4) length = bytes.readUInt16BE(2);
    if (head === 10) length = Number(bytes.readBigUInt64BE(2));
    if (bytes.length < head + length) return undefined;
    this.#bytes = bytes.subarray(head + length);
    return { opcode: bytes[0] & 0x0f, payload: bytes.subarray(head, head + length) };
  }

  /**
   * Writes one frame, its first byte as given, masked with zeros unless told otherwise. `claimed`
   * is the length it announces.
   */
  frame(first, payload, { masked = true, claimed = payload.length } = {}) {
    const bit = masked ? 0x80 : 0;
    let head;
    if (claimed < 126) {
      head = Buffer.from([first, bit | claimed]);
    } else if (claimed < 65536) {
      head = Buffer.from([first, bit | 126, 0, 0]);
      head.writeUInt16BE(claimed, 2);
    } else {
      head = Buffer.from([first, bit | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
      head.writeBigUInt64BE(BigInt(claimed), 2);
    }
    this.socket.write(Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), payload]));
  }

  /** A whole message: FIN set. */
  message(opcode, payload) {
    this.frame(0x80 | opcode, Buffer.from(payload));
  }

  /** The code and reason of the server's close frame; the connection ends after it. */
  async closed() {
    const { payload } = await this.frames.take((frame) => frame.opcode === CLOSE, 'close frame');
    this.message(CLOSE, payload);
    await within(this.end, 'end of the TCP connection');
    return { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() };
  }

  destroy() {
    this.socket.destroy();
  }
}
