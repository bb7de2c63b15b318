// The application that a server asks about its clients: a small HTTP server with one handler a path.

import http from 'node:http';

import WebSocket from 'ws';

import { Mailbox } from './deadline.mjs';

/** What a handler returns in place of an answer to leave the server waiting. */
export const HANG = Symbol('hang');

export class Application {
  /**
   * Starts one. `handlers[path](body, headers)` returns the answer's body, `{ status, headers, text }`
   * for one that is not as it should be, or `HANG`.
   */
  static async start(handlers) {
    const application = new Application(handlers);
    await new Promise((resolve) => application.server.listen(0, '127.0.0.1', resolve));
    return application;
  }

  constructor(handlers) {
    this.handlers = handlers;
    this.calls = new Mailbox('calls to the application');
    this.server = http.createServer(async (request, response) => {
      let text = '';
      for await (const part of request.setEncoding('utf8')) text += part;
      const body = JSON.parse(text);
      const { headers, url: path } = request;
      this.calls.put({ path, body, headers });
      const answer = await this.handlers[path]?.(body, headers);
      if (answer === HANG) return;
      const plain = answer?.status ? answer : { status: answer ? 200 : 404, text: JSON.stringify(answer) };
      response.writeHead(plain.status, { 'Content-Type': 'application/json', ...plain.headers });
      response.end(plain.text);
    });
  }

  url(path) {
    return `http://127.0.0.1:${this.server.address().port}${path}`;
  }

  /** The next call of a path; others stay. */
  async called(path) {
    return this.calls.take((call) => call.path === path, `call of ${path}`);
  }

  /** The section `[callbacks]`: everything that has a handler is asked, with time for a busy machine. */
  section(more = {}) {
    const urls = Object.keys(this.handlers).map((path) => [`${path.slice(1)}_url`, this.url(path)]);
    return { timeout: '5s', ...Object.fromEntries(urls), ...more };
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

/** A WebSocket class for SDKs whose connections carry a cookie, as a browser's would. */
export function withCookie(cookie) {
  return class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { headers: { Cookie: cookie } });
    }
  };
}
