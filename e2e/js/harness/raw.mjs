// A client of `/ws?format=raw`, as a user's program would be: it says who it is and takes what comes.

import { until } from './deadline.mjs';
import { Socket } from './socket.mjs';

/** Frames of the format's own: what is read, and what was refused. */
const OWN = /^\{"msg_type":"(inbox\.state|login|error)"/;

export class RawUser {
  /** Connects to `host:port`, with a cookie or a token, and logs in. `user` is who it turns out to be. */
  static async open(address, { cookie, token } = {}) {
    const query = token ? `&token=${token}` : '';
    const headers = cookie ? { Cookie: cookie } : {};
    const client = new RawUser();
    client.messages = [];
    client.socket = new Socket(`ws://${address}/ws?format=raw${query}`, [], { headers });
    client.socket.ws.on('message', (data) => OWN.test(data) || client.messages.push(data.toString()));
    await client.socket.opened;
    client.socket.send({ msg_type: 'login' });
    const login = await client.socket.frames.take((text) => text.startsWith('{"msg_type":"login"'), 'who it is');
    client.user = JSON.parse(login).data.user;
    return client;
  }

  /** Waits until so many messages have come; returns all there are. */
  async sees(count, ms) {
    await until(() => this.messages.length >= count, `${count} messages for ${this.user}`, ms);
    return this.messages;
  }

  /** Waits until a message says this, and returns how many do. */
  async hears(text, ms) {
    const count = () => this.messages.filter((message) => message.includes(text)).length;
    await until(count, `${this.user} hears ${text}`, ms);
    return count();
  }

  /** The answer to a question about the inbox. */
  async inbox(method, data = {}) {
    const wanted = (text) => text.startsWith('{"msg_type":"inbox.state"') && (method !== 'inbox.state' || 'messages' in JSON.parse(text));
    this.socket.send({ msg_type: method, data });
    return JSON.parse(await this.socket.frames.take(wanted, method));
  }
}
