// The server API as an application's backend calls it.

import assert from 'node:assert/strict';

import { API_KEY } from './configuration.mjs';

/** What one batch may hold, and about half of what a request body may. */
const BATCH_ITEMS = 1000;
const BATCH_BYTES = 2 * 1024 * 1024;

export class Api {
  constructor(server) {
    this.server = server;
  }

  /** Posts `body` to a method as it is; returns the status and the parsed answer. */
  async post(method, body, headers = {}) {
    const response = await fetch(this.server.http(`/api/${method}`), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-API-Key': API_KEY, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined };
  }

  /** The result of a call that succeeds. */
  async call(method, params = {}) {
    const { status, body } = await this.post(method, params);
    assert.equal(status, 200, `${method}: ${JSON.stringify(body)}`);
    assert.equal(body.error, undefined, `${method}: ${JSON.stringify(body.error)}`);
    return body.result ?? body;
  }

  /** The code of a call that fails with an error of the API. */
  async errorCode(method, params) {
    const { status, body } = await this.post(method, params);
    assert.equal(status, 200, `${method}: ${JSON.stringify(body)}`);
    assert.ok(body.error, `${method} should fail, but answered ${JSON.stringify(body)}`);
    assert.equal(typeof body.error.message, 'string');
    return body.error.code;
  }

  publish(channel, data, rest = {}) {
    return this.call('publish', { channel, data, ...rest });
  }

  /** Publishes values in order, in few requests; all must succeed. Returns their places. */
  async publishAll(channel, values) {
    const places = [];
    let commands = [];
    let bytes = 0;
    const flush = async () => {
      const { replies } = commands.length > 0 ? await this.call('batch', { commands }) : { replies: [] };
      for (const { publish, error } of replies) {
        assert.ok(publish, `${channel}: ${JSON.stringify(error)}`);
        places.push(publish);
      }
      commands = [];
      bytes = 0;
    };
    for (const data of values) {
      const size = JSON.stringify(data).length;
      if (commands.length === BATCH_ITEMS || bytes + size > BATCH_BYTES) await flush();
      commands.push({ publish: { channel, data } });
      bytes += size;
    }
    await flush();
    return places;
  }

  /** Where the stream of a channel has come to: `{ epoch, offset, tag }`. */
  async top(channel) {
    const { epoch, offset, tag } = await this.call('history', { channel });
    return { epoch, offset, tag };
  }
}
