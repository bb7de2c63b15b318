// A receiver of webhooks: a real HTTP server that checks every delivery with npm `standardwebhooks`, and
// remembers all of them. It can be taken down and come back, answer what a test wants, or not at all.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';

import { Webhook } from 'standardwebhooks';

import { DEADLINE_MS, until } from './deadline.mjs';
import { freePorts } from './ports.mjs';

/** What a receiver answers with in place of a status to leave the node waiting. */
export const HANG = Symbol('hang');

/** What the first members of every event are. */
const COMMON = { id: 'string', event: 'string', time: 'number', node: 'string' };

/** A secret as Standard Webhooks has them. */
export function freshSecret() {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** What checks signatures made with this secret: of `whsec_` and base64, or of any text. */
export function verifier(secret) {
  return secret.startsWith('whsec_') ? new Webhook(secret) : new Webhook(Buffer.from(secret), { format: 'raw' });
}

/** All of a request's body; nothing if its sender is gone before. */
async function whole(request) {
  const parts = [];
  try {
    for await (const part of request) parts.push(part);
  } catch {
    return undefined;
  }
  return Buffer.concat(parts).toString();
}

export class Receiver {
  /** All attempts, in the order in which they came: `{ id, attempt, events, body, status, at, gone }`. */
  attempts = [];
  /** The events that were taken, each once, in the order in which they were first taken. */
  events = [];
  /** What no receiver should ever see. */
  #wrong = [];
  #taken = new Set();
  #shown = new Set();
  #bodies = new Map();
  #open = new Set();

  /** Starts one. `answer(attempt)` is the status of each answer, or `HANG`; 204 without. */
  static async start({ name = 'crm', secret = freshSecret(), answer = () => 204 } = {}) {
    const receiver = new Receiver();
    Object.assign(receiver, { name, secret, answer, webhook: verifier(secret) });
    // One that nobody else is given while it is down, and to which nobody speaks who has spoken to another one there.
    [receiver.port] = await freePorts(1);
    await receiver.up();
    return receiver;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/events?of=${this.name}`;
  }

  /** Its table in the configuration. */
  section(more = {}) {
    return { name: this.name, url: this.url, secret: this.secret, ...more };
  }

  /** Listens, where it did before. */
  async up() {
    const server = http.createServer((request, response) => {
      this.#take(request, response).catch((error) => {
        this.#wrong.push(error.message);
        response.writeHead(400).end();
      });
    });
    await new Promise((resolve, reject) => {
      server.on('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.server = server;
  }

  /** Breaks all connections and refuses new ones. */
  async down() {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #take(request, response) {
    const body = await whole(request);
    if (body === undefined) return;
    const { headers } = request;
    const { events } = this.webhook.verify(body, headers);
    const attempt = { id: headers['webhook-id'], attempt: Number(headers['trunkline-attempt']), events, body, at: Date.now() };
    this.#check(request, attempt);
    this.attempts.push(attempt);
    this.#open.add(attempt);
    response.on('close', () => {
      attempt.gone = Date.now();
      this.#open.delete(attempt);
    });
    const status = await this.answer(attempt);
    if (status === HANG || response.destroyed) return;
    attempt.status = status;
    if (status >= 200 && status < 300) this.#accept(attempt);
    response.writeHead(status, status === 302 ? { Location: '/elsewhere' } : {}).end();
  }

  #check({ method, url, headers }, { id, attempt, events, body }) {
    assert.equal(method, 'POST');
    assert.equal(url, `/events?of=${this.name}`, 'a redirect was followed');
    assert.match(headers['content-type'], /^application\/json/);
    assert.ok(Number.isInteger(attempt) && attempt >= 1, `attempt ${attempt}`);
    assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000) < 10, 'the time is that of the attempt');
    assert.deepEqual(Object.keys(JSON.parse(body)), ['events']);
    assert.ok(events.length > 0, 'a batch without events');
    for (const event of events) {
      for (const [member, type] of Object.entries(COMMON)) assert.equal(typeof event[member], type, JSON.stringify(event));
    }
    assert.equal(this.#bodies.get(id) ?? body, body, 'another body under the same id');
    this.#bodies.set(id, body);
    const again = events.filter((event) => this.#shown.has(event.id));
    assert.ok(attempt > 1 || again.length === 0, `attempt 1 with what was sent before: ${JSON.stringify(again)}`);
    assert.equal(new Set(events.map((event) => event.id)).size, events.length, 'an event twice in one batch');
    assert.equal(this.#open.size, 0, 'two at a time');
    for (const event of events) this.#shown.add(event.id);
  }

  #accept({ events }) {
    for (const event of events) {
      if (this.#taken.has(event.id)) continue;
      this.#taken.add(event.id);
      this.events.push(event);
    }
  }

  /** The events that were taken and have these members, in order. */
  of(members) {
    const wanted = Object.entries(members);
    return this.events.filter((event) => wanted.every(([member, value]) => event[member] === value));
  }

  /** The first event that has these members, once it is taken. */
  async hears(members, ms) {
    await this.heard(members, 1, ms);
    return this.of(members)[0];
  }

  /** Waits until so many events with these members were taken, and returns all of them. */
  async heard(members, count, ms = DEADLINE_MS) {
    const what = `${count} of ${JSON.stringify(members)}`;
    await until(() => this.of(members).length >= count, what, ms).catch((error) => {
      const last = this.events.slice(-10).map(({ event, client, channel, user }) => [event, client ?? channel, user].join(' '));
      error.message += `; ${this.of(members).length} came; taken ${this.events.length}, last: ${last.join(' | ') || 'nothing'}; ${this.#wrong}`;
      throw error;
    });
    return this.of(members);
  }

  /** The kinds of the events that have these members, in order; with the channel, of those that have one beside. */
  story(members) {
    const beside = (event) => ('channel' in members ? event.user : event.channel);
    return this.of(members).map((event) => [event.event, beside(event)].filter(Boolean).join(' '));
  }

  /** Insists that nothing came as it should not. */
  assertGood() {
    assert.deepEqual(this.#wrong, [], `what came to ${this.name}`);
  }

  /** Ends it, and insists that nothing came as it should not. */
  async stop() {
    await this.down();
    this.assertGood();
  }
}
