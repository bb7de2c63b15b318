// A plain WebSocket (npm `ws`) with a mailbox: what a page without an SDK holds.

import WebSocket from 'ws';

import { Mailbox, within } from './deadline.mjs';
import { remember } from './opened.mjs';

export class Socket {
  static async open(url, { protocols = [], ...options } = {}) {
    const socket = new Socket(url, protocols, options);
    await socket.opened;
    return socket;
  }

  /**
   * Opens `/ws` for some channels and reads the greeting: `client` is its id, `subs` what became
   * of each subscription. `base` is all of the URL before `/ws`.
   */
  static async follow(base, channels, { query = '', ...options } = {}) {
    const socket = await Socket.open(`${base}/ws?channels=${channels.join(',')}${query}`, options);
    socket.client = (await socket.json('connect')).connect.client;
    socket.subs = {};
    for (const name of channels) {
      const { channel, subscribe } = await socket.json(`subscription to ${name}`);
      socket.subs[channel] = subscribe;
    }
    return socket;
  }

  constructor(url, protocols, options) {
    this.ws = new WebSocket(url, protocols, options);
    remember(() => this.destroy());
    this.frames = new Mailbox(`frames of ${url}`);
    this.pings = new Mailbox(`pings of ${url}`);
    this.ws.on('message', (data, binary) => this.frames.put(binary ? data : data.toString()));
    this.ws.on('ping', () => this.pings.put('ping'));
    this.opened = within(
      new Promise((resolve, reject) => {
        this.ws.on('open', resolve);
        this.ws.on('error', reject);
        this.ws.on('unexpected-response', (_, response) => {
          reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode }));
          response.resume();
        });
      }),
      `open ${url}`,
    );
    this.opened.catch(() => {}); // told to whoever waits
    this.end = new Promise((resolve) => {
      this.ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Sends a value as JSON, or a string as it is. */
  send(value) {
    this.ws.send(typeof value === 'string' ? value : JSON.stringify(value));
  }

  /** The next frame, parsed. */
  async json(what = 'a JSON frame') {
    return JSON.parse(await this.frames.next(what));
  }

  /** The reply to the command with this id; pushes before it stay in the mailbox. */
  async reply(id) {
    const frame = await this.frames.take((text) => JSON.parse(text).id === id, `reply ${id}`);
    return JSON.parse(frame);
  }

  /** Sends a command and waits for its reply. */
  ask(command) {
    this.send(command);
    return this.reply(command.id);
  }

  /** The code and reason with which the connection ended. */
  closed() {
    return within(this.end, `close of ${this.ws.url}`);
  }

  close() {
    this.ws.close();
    return this.closed();
  }

  /** Drops the TCP connection without a goodbye, as a phone in a tunnel does. */
  destroy() {
    this.ws.terminate();
  }
}
