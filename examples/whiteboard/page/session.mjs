// One person at one board: the stored board, then the stream, then what was drawn meanwhile. What there
// is to see goes to a view.

import { Board } from './board.mjs';
import { Connection } from './connection.mjs';
import { Follower, written } from './follower.mjs';
import { Outbox } from './outbox.mjs';

/** Previews of strokes that wait for a reply; more are not sent, as they are worth nothing later. */
const MAX_PREVIEWS = 16;

/** From this code on, the end of a subscription asks to come back; below, it is an answer. */
const COME_BACK = 2500;

/** How long the backend may take to have read as far as we want, in ms. */
const STORE_MS = 8000;

export class Session {
  #loaded = false;
  #coming = false;
  #following;
  #people = new Map();
  #news;
  #previews = 0;

  /**
   * @param name the board's
   * @param node `host:port` of the node
   * @param me `{user, name}`; may change, followed by `rename`
   * @param view what shows it: `stroke`, `clear`, `replace`, `preview`, `people`, `pending`, `state`, `notice`
   */
  constructor({ name, node, me, view }) {
    Object.assign(this, { name, node, me, view });
    this.channel = `board:${name}`;
    this.live = `live:${name}`;
    this.board = new Board();
    this.outbox = new Outbox(name, (data, error) => {
      view.notice({ reason: 'refused', text: `A stroke was refused: ${error.message}. It is not on the board.` });
      view.pending();
    });
    this.follower = new Follower({
      publication: (data, position) => this.#publication(data, position),
      gap: (reason, top) => this.#gap(reason, top),
      mended: (reason, count) => {
        const text = `The server could not keep up with ${plural(count, 'stroke')} for this page.`;
        view.notice({ reason, text, done: 'All of them were read from history: nothing is missing.' });
      },
    });
    this.connection = new Connection({
      address: (signal) => this.#address(signal),
      opened: () => this.#opened(),
      message: (message) => this.#message(message),
      lost: (wait, final) => this.#lost(wait, final),
      probe: { presence_stats: { channel: this.channel } },
    });
  }

  start() {
    this.view.pending();
    this.view.state({ kind: 'coming', text: 'Connecting …' });
    this.connection.start();
  }

  /** Leaves the network until `start`. */
  stop() {
    this.#detach();
    this.#coming = false;
    this.connection.stop();
    this.view.state({ kind: 'offline', text: 'Offline, by your choice' });
  }

  /** The name has changed: it is in the token, which belongs to a connection. */
  rename() {
    if (!this.connection.isOpen) return;
    this.#detach();
    this.connection.start();
  }

  /** Something says that now is a good moment to try: not after the next wait. */
  hurry() {
    if (this.#coming) this.connection.start();
  }

  /** Draws something that has an id: now as a draft, for good when the stream has it. */
  draw(data) {
    if (this.outbox.full) return;
    this.outbox.add(data);
    this.view.pending();
  }

  get mayDraw() {
    return !this.outbox.full && !this.board.full;
  }

  /** Shows others a part of a stroke that is not finished. May be lost; the stroke itself will not be. */
  preview(part) {
    if (!this.#following || this.#previews >= MAX_PREVIEWS) return;
    this.#previews += 1;
    const done = () => (this.#previews -= 1);
    this.connection.ask({ publish: { channel: this.live, data: part } }).then(done, done);
  }

  // --- the connection -----------------------------------------------------------------------------

  async #address(signal) {
    if (!this.#loaded) await this.#load({}, signal, () => !this.#loaded);
    const body = JSON.stringify(this.me);
    const answer = await fetch('token', { method: 'POST', body, signal }).catch(() => undefined);
    if (answer?.ok) this.token = await answer.text(); // else the last one, which is good for a day
    const query = new URLSearchParams({
      channels: this.channel,
      since: written(this.follower.position),
      join_leave: 'true',
      token: this.token ?? '',
    });
    return `ws://${this.node}/ws?${query}`;
  }

  #opened() {
    this.#coming = false;
    const { connection, channel } = this;
    const history = async (query) => (await connection.ask({ history: { channel, ...query } })).history;
    this.#following = this.follower.attach(history, () => {
      this.#detach();
      connection.drop();
    });
    connection.ask({ subscribe: { channel: this.live } }).catch(() => {});
  }

  #message(message) {
    const { channel, subscribe, pub, join, leave, unsubscribe } = message;
    if (channel === this.live) {
      if (pub) this.view.preview(pub.data);
    } else if (unsubscribe) {
      if (unsubscribe.code >= COME_BACK) return this.connection.drop();
      this.#detach();
      this.connection.stop();
      this.view.state({ kind: 'refused', text: `The server refuses: ${unsubscribe.reason}` });
    } else if (join || leave) {
      this.#news?.push(message);
      this.#moved(message);
      this.#show();
    } else if (channel === this.channel) {
      this.#following?.take(message);
      if (subscribe) this.#subscribed();
    }
    return undefined;
  }

  /** What was missed is on its way. The reply to what we ask now comes behind it. */
  #subscribed() {
    const following = this.#following;
    const before = this.follower.position;
    // Who comes or goes while the answer is on its way may be in it or not.
    const news = (this.#news = []);
    const presence = this.connection.ask({ presence: { channel: this.channel } });
    presence.then(
      ({ presence: { presence: people } }) => {
        this.#people = new Map(Object.entries(people));
        news.forEach((message) => this.#moved(message));
        this.#news = undefined;
        this.#show();
        following.after(() => this.#settled(before));
      },
      () => this.connection.drop(),
    );
  }

  /** Everything missed is drawn; what we have drawn and is not among it has to be sent. */
  #settled(before) {
    const { epoch, offset } = this.follower.position;
    const recovered = before.epoch === epoch ? offset - before.offset : 0;
    const text = recovered > 0 ? `Connected, ${plural(recovered, 'stroke')} recovered` : 'Connected';
    this.view.state({ kind: 'connected', text, recovered });
    this.connection.settled();
    this.outbox.open((data) => this.connection.ask({ publish: { channel: this.channel, data } }));
  }

  #lost(wait, final) {
    this.#detach();
    this.#coming = !final;
    if (final) this.view.state({ kind: 'refused', text: `The server refuses: ${final}` });
    else this.view.state({ kind: 'coming', text: 'Coming back', wait });
  }

  #detach() {
    this.#following?.end();
    this.#following = undefined;
    this.outbox.close();
  }

  #moved({ join, leave }) {
    const { client, ...info } = (join ?? leave).info;
    if (join) this.#people.set(client, info);
    else this.#people.delete(client);
  }

  #show() {
    // The backend follows every board, and is nobody.
    const people = [...this.#people.values()].filter(({ user }) => user !== 'store');
    this.view.people(people.map(({ user, conn_info: info }) => ({ user, name: info?.name ?? 'Somebody' })));
  }

  // --- the board ------------------------------------------------------------------------------------

  #publication(data, position) {
    const what = this.board.take(data);
    if (what === 'stroke') this.view.stroke(data, position);
    else if (what === 'clear') this.view.clear(position);
    else this.view.moved(position);
    if (typeof data?.id !== 'string') return;
    const before = this.outbox.size;
    this.outbox.settle(data.id);
    if (this.outbox.size < before) this.view.pending();
  }

  /** What the stream holds no longer, the backend has: read it there, and say so. */
  async #gap(reason, top) {
    const following = this.#following;
    const { strokes, clears } = this.board;
    await this.#load(top, AbortSignal.timeout(STORE_MS), () => following === this.#following);
    // What was cleared meanwhile is nobody's loss.
    const missing = clears === this.board.clears ? strokes.filter(({ id }) => !this.board.knows(id)) : [];
    const lacks = `${plural(missing.length, 'stroke')} seen here before ${missing.length === 1 ? 'is' : 'are'} not on it.`;
    this.view.notice({
      reason,
      text: GAPS[reason] ?? 'Strokes were missed.',
      done: `The stored board was loaded, and the stream goes on from there. ${
        missing.length > 0 ? lacks : 'Nothing that was seen here is missing.'
      }`,
      again: missing.length > 0 ? () => missing.forEach((stroke) => this.draw(stroke)) : undefined,
    });
    return this.follower.position;
  }

  /** Loads the stored board, which is to be at least as far as the position, if `wanted` still. */
  async #load({ epoch, offset }, signal, wanted) {
    const query = epoch ? `?${new URLSearchParams({ epoch, offset })}` : '';
    const answer = await fetch(`boards/${this.name}${query}`, { signal });
    if (!answer.ok) throw new Error(`the store answers ${answer.status}`);
    const { position, holes, ...snapshot } = await answer.json();
    if (!wanted()) throw new Error('too late');
    // From here to the end without a pause: the board and its position are one value.
    this.board = new Board(snapshot);
    this.follower.position = position;
    this.view.replace(this.board.strokes, position);
    for (const { id } of this.outbox.waiting) if (this.board.knows(id)) this.outbox.settle(id);
    this.view.pending();
    if (!this.#loaded && holes.length > 0) {
      const list = holes.map(({ reason, lost }) => (lost ? `${reason}, ${plural(lost, 'stroke')}` : reason)).join('; ');
      this.view.notice({ reason: 'stored', text: `The stored board is not complete: ${list}.` });
    }
    this.#loaded = true;
  }
}

const GAPS = {
  trimmed: 'More was drawn while this page was away than the stream keeps.',
  epoch_changed: 'The stream of this board was reset or lost.',
  forked: 'The stream went another way than this page had seen.',
};

export function plural(count, noun) {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
