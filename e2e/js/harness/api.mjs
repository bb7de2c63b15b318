// The server API as an application's backend calls it.

import assert from 'node:assert/strict';

import { API_KEY } from './configuration.mjs';

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
}
