// The backend's own copy of every board, and how far it has read in the board's stream. Both are written
// together, so that a crash at any moment only means reading a little again.

import { mkdir, open, readFile, readdir, rename } from 'node:fs/promises';
import path from 'node:path';

import { Board } from '../page/board.mjs';
import { BEGINNING, Follower, written } from '../page/follower.mjs';

/** Boards that are followed at most. */
const MAX_BOARDS = 50;

/** A board is written this long after it has changed, or after that many changes. Far fewer than its
 * stream keeps: whatever is not written yet can be read again. */
const WRITE_MS = 1000;
const WRITE_CHANGES = 250;

/** First and longest wait before following again, in ms. */
const BACK_OFF_MS = [200, 5000];

/** Gaps that are remembered. */
const MAX_HOLES = 5;

/** A board's name, fit for a channel and a file. */
const NAME = /^[\w-]{1,40}$/;

export class Store {
  #boards = new Map();

  constructor(folder, node) {
    Object.assign(this, { folder, node });
  }

  /** Goes on with every board that there is. */
  async open() {
    await mkdir(this.folder, { recursive: true });
    for (const file of await readdir(this.folder)) {
      if (file.endsWith('.json')) await this.board(file.slice(0, -5));
    }
  }

  /** The board of this name, followed from now on; `undefined` when there cannot be one. */
  async board(name) {
    if (!NAME.test(name)) return undefined;
    if (!this.#boards.has(name)) {
      if (this.#boards.size >= MAX_BOARDS) return undefined;
      this.#boards.set(name, StoredBoard.open(path.join(this.folder, `${name}.json`), name, this.node));
    }
    return this.#boards.get(name);
  }

  async close() {
    for (const board of this.#boards.values()) await (await board).close();
  }
}

class StoredBoard {
  #file;
  #end = new AbortController();
  #waiting = new Set();
  #changes = 0;
  #timer;
  #writing = Promise.resolve();

  static async open(file, name, node) {
    const text = await readFile(file, 'utf8').catch((error) => {
      if (error.code !== 'ENOENT') throw error;
      return '{}';
    });
    const { position = BEGINNING, holes = [], ...snapshot } = JSON.parse(text);
    const stored = new StoredBoard(file, name, node, new Board(snapshot), holes);
    stored.follower.position = position;
    stored.#follow();
    return stored;
  }

  constructor(file, name, node, board, holes) {
    Object.assign(this, { node, board, holes, channel: `board:${name}` });
    this.#file = file;
    this.follower = new Follower({
      publication: (data) => this.#publication(data),
      gap: (reason) => this.#gap(reason),
    });
  }

  /** What a page begins with: the board, where its stream goes on, and what is known to be missing. */
  snapshot() {
    return JSON.stringify({ position: this.follower.position, holes: this.holes, ...this.board.snapshot() });
  }

  /** Resolves when the copy is in this history and as far as `offset`; rejects when `signal` says so. */
  reached({ epoch, offset }, signal) {
    const there = () => this.follower.position.epoch === epoch && this.follower.position.offset >= offset;
    return new Promise((resolve, reject) => {
      const look = () => there() && resolve(this.#waiting.delete(look));
      this.#waiting.add(look);
      signal.addEventListener('abort', () => reject(this.#waiting.delete(look)), { once: true });
      look();
    });
  }

  async close() {
    this.#end.abort();
    await this.#write();
  }

  // --- the stream -----------------------------------------------------------------------------------

  async #follow() {
    const [first, longest] = BACK_OFF_MS;
    let failures = 0;
    while (!this.#end.signal.aborted) {
      try {
        await this.#connection(() => (failures = 0));
      } catch {
        // The node is gone or busy. Nothing is lost by that: the position says where to go on.
      }
      const wait = Math.min(longest, first * 2 ** failures) * (0.5 + Math.random() / 2);
      failures += 1;
      await new Promise((resolve) => setTimeout(resolve, wait).unref());
    }
  }

  async #connection(settled) {
    const lost = new AbortController();
    const end = () => lost.abort();
    this.#end.signal.addEventListener('abort', end);
    const history = (query) => this.node.call('history', { channel: this.channel, ...query });
    const following = this.follower.attach(history, end);
    try {
      const since = written(this.follower.position);
      const query = { channels: this.channel, since, token: this.node.token('store', { name: 'Store' }) };
      for await (const message of this.node.events(query, lost.signal)) {
        if (message.channel !== this.channel) continue;
        following.take(message);
        if (message.subscribe) following.after(() => (settled(), this.#moved()));
      }
    } finally {
      following.end();
      this.#end.signal.removeEventListener('abort', end);
    }
  }

  #publication(data) {
    if (this.board.take(data) === 'clear') this.holes = [];
    this.#moved();
  }

  /**
   * The stream no longer has what comes next. What it has goes onto the board all the same, from the
   * oldest on; repetitions are no news. That something is missing is kept with the board.
   */
  async #gap(reason) {
    const { epoch, offset } = this.follower.position;
    const page = await this.node.call('history', { channel: this.channel, limit: 1 });
    const [oldest] = page.publications;
    const start = { epoch: page.epoch, offset: oldest ? oldest.offset - 1 : page.offset };
    const lost = page.epoch === epoch || epoch === '' ? start.offset - offset : undefined;
    this.holes = [...this.holes, { reason, lost }].slice(-MAX_HOLES);
    return start;
  }

  // --- the file -------------------------------------------------------------------------------------

  #moved() {
    for (const look of [...this.#waiting]) look();
    this.#changes += 1;
    if (this.#changes === 1) this.#timer = setTimeout(() => this.#write(), WRITE_MS);
    else if (this.#changes === WRITE_CHANGES) this.#write();
  }

  #write() {
    clearTimeout(this.#timer);
    this.#writing = this.#writing.then(async () => {
      if (this.#changes === 0) return;
      this.#changes = 0;
      const beside = `${this.#file}.new`;
      const file = await open(beside, 'w');
      try {
        await file.writeFile(this.snapshot());
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, this.#file);
    });
    return this.#writing;
  }
}
