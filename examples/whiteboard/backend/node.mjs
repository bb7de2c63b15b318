// How the backend talks to the node: the server API, event streams, tokens.

import { createHmac } from 'node:crypto';

/** How long an answer may take, in ms. */
const PATIENCE_MS = 8000;

/** An event stream that is silent for longer is dead: the node sends a sign of life every 25 s. */
const SILENCE_MS = 60_000;

/** What a token is good for, in seconds. */
const DAY_S = 24 * 60 * 60;

export class Node {
  /** @param base `http://host:port` of the node; `key` and `secret` as it has them */
  constructor({ base, key, secret }) {
    Object.assign(this, { base, key, secret });
  }

  /** A method of the server API. A refusal is an error with its `code`. */
  async call(method, params) {
    const response = await fetch(`${this.base}/api/${method}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-API-Key': this.key },
      body: JSON.stringify(params),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!response.ok) throw new Error(`${method}: HTTP ${response.status}`);
    const { result, error } = await response.json();
    if (error) throw Object.assign(new Error(`${method}: ${error.message}`), { code: error.code });
    return result;
  }

  /** The messages of an event stream, until it ends or `signal` says so. */
  async *events(query, signal) {
    const end = new AbortController();
    const stop = () => end.abort();
    const listen = () => setTimeout(stop, SILENCE_MS);
    let timer = listen();
    signal.addEventListener('abort', stop);
    try {
      const url = `${this.base}/sse?${new URLSearchParams(query)}`;
      const response = await fetch(url, { signal: end.signal });
      if (!response.ok) throw new Error(`sse: HTTP ${response.status}`);
      let text = '';
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        clearTimeout(timer);
        timer = listen();
        const lines = (text + chunk).split('\n');
        text = lines.pop();
        for (const line of lines) if (line.startsWith('data: ')) yield JSON.parse(line.slice(6));
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  /** A token for a connection of `user`, of whom others see `info`. */
  token(user, info) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(Date.now() / 1000) + DAY_S;
    const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: user, exp, info })}`;
    return `${body}.${createHmac('sha256', this.secret).update(body).digest('base64url')}`;
  }
}
