// Following a channel exactly: every publication once and in order, or a gap with its reason. The page
// does it over `/ws`, the backend over `/sse`; both speak the same messages.
//
// A position is `{epoch, offset, tag}`: the history, how far in it, and the tag that proves that it is
// the same history still.

/** Publications asked for at once when paging through history: what the server answers at most. */
const PAGE = 300;

/** Messages that may wait while history is read; beyond it, coming back anew is cheaper. */
const MAX_WAITING = 10_000;

/** The server's answer when history does not know the position. */
const UNRECOVERABLE = 112;

/** Reasons that do not say that something is lost: history may have it. */
const MENDABLE = ['limit', 'overflow'];

/** The position before everything. Without an epoch it stands in any history. */
export const BEGINNING = { epoch: '', offset: 0 };

/** A position as it stands in `since=…`. */
export function written({ epoch, offset, tag }) {
  return `${epoch}.${offset}${tag ? `~${tag}` : ''}`;
}

/** The publications after a position are gone, and why. */
class Gone extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class Follower {
  position = BEGINNING;

  /**
   * @param publication `(data, position)`: the next one
   * @param gap `async (reason, top)`: publications cannot be had any more. Resolves to the position to
   *   go on from, which is where the listener has got its state some other way
   * @param mended `(reason, count)`: the server could not deliver these, but history had them all
   */
  constructor({ publication, gap, mended = () => {} }) {
    Object.assign(this, { publication, gap, mended });
  }

  /**
   * A new connection, made with `since` at `position`.
   *
   * @param history `async ({since, limit})`: the server's method; fails with an error that has its `code`
   * @param failed called once, when the connection is of no use any more
   */
  attach(history, failed) {
    return new Following(this, history, failed);
  }
}

class Following {
  #follower;
  #history;
  #failed;
  #waiting = [];
  #busy = false;
  #ended = false;

  constructor(follower, history, failed) {
    this.#follower = follower;
    this.#history = history;
    this.#failed = failed;
  }

  /** Takes what the server sent about the channel: `{subscribe}`, `{pub}` or `{gap}`. */
  take(message) {
    this.#enqueue(() => this.#handle(message));
  }

  /** Calls `done` when everything taken before has been dealt with. */
  after(done) {
    this.#enqueue(done);
  }

  /** The connection is gone: nothing that still waits is of interest. */
  end() {
    this.#ended = true;
    this.#waiting = [];
  }

  #enqueue(work) {
    if (this.#ended) return;
    this.#waiting.push(work);
    if (this.#waiting.length > MAX_WAITING) this.#fail(new Error('too much arrives while history is read'));
    else if (!this.#busy) this.#work();
  }

  async #work() {
    this.#busy = true;
    try {
      while (this.#waiting.length > 0) await this.#waiting.shift()();
    } catch (error) {
      this.#fail(error);
    }
    this.#busy = false;
  }

  #fail(error) {
    if (this.#ended) return;
    this.end();
    this.#failed(error);
  }

  #handle({ subscribe, pub, gap }) {
    if (subscribe) return this.#subscribed(subscribe);
    if (pub) return this.#published(pub);
    if (gap) return this.#mend(gap.reason, gap, true);
    return undefined;
  }

  #subscribed({ recovered, epoch = '', offset = 0, tag, gap }) {
    const { position } = this.#follower;
    // A history that was renamed knows the positions of its earlier name.
    if (recovered) this.#follower.position = { ...position, epoch, tag: tag ?? position.tag };
    else return this.#mend(gap?.reason ?? 'limit', { epoch, offset, tag }, false);
    return undefined;
  }

  #published(pub) {
    const { epoch, offset } = this.#follower.position;
    if (pub.offset <= offset) return undefined; // came with history already
    if (pub.offset > offset + 1) return this.#mend('overflow', { epoch, offset: pub.offset, tag: pub.tag }, true);
    return this.#apply(pub, epoch);
  }

  #apply({ data, offset, tag }, epoch) {
    this.#follower.position = { epoch, offset, tag };
    this.#follower.publication(data, this.#follower.position);
  }

  /** What lies between our position and `top` was not delivered: from history, or it is a gap. */
  async #mend(reason, top, told) {
    const { offset } = this.#follower.position;
    try {
      if (!MENDABLE.includes(reason)) throw new Gone(reason);
      await this.#page(top);
      if (told && !this.#ended) this.#follower.mended(reason, this.#follower.position.offset - offset);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      const start = await this.#follower.gap(error.reason, { epoch: top.epoch, offset: top.offset });
      if (this.#ended) return;
      this.#follower.position = start;
      await this.#page(top);
    }
  }

  /** Reads history from our position up to `top`. */
  async #page(top) {
    while (!this.#ended && this.#follower.position.offset < top.offset) {
      const page = await this.#read();
      if (this.#ended) return;
      if (page.publications[0]?.offset !== this.#follower.position.offset + 1) throw new Gone('trimmed');
      for (const publication of page.publications) this.#apply(publication, page.epoch);
    }
    if (!this.#ended && this.#follower.position.epoch !== top.epoch) throw new Gone('epoch_changed');
  }

  async #read() {
    const { epoch, offset, tag } = this.#follower.position;
    try {
      return await this.#history({ since: { epoch, offset, tag }, limit: PAGE });
    } catch (error) {
      throw error.code === UNRECOVERABLE ? new Gone('epoch_changed') : error;
    }
  }
}
