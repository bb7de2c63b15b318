// Strokes that were drawn here and have not come back from the stream yet. They are kept until they do,
// over lost connections and reloads; a reply alone does not end their stay, as what counts is the stream.

/** Strokes that may wait; then the pen rests until the server is there again. */
const MAX_WAITING = 5000;

/** Commands that may be unanswered at once: a quarter of what the server takes from one client. */
const MAX_UNANSWERED = 64;

/** Before a stroke is sent again that the server could not take, in ms. */
const RETRY_MS = 500;

export class Outbox {
  #key;
  #waiting = new Map(); // id -> {data, number}
  #unsent = new Set(); // ids, in the order of drawing
  #unanswered = 0;
  #round = 0;
  #next = 0;
  #send;

  /** @param refused `(data, error)`: the server will not have it */
  constructor(board, refused) {
    this.#key = `whiteboard:${board}:`;
    this.refused = refused;
    const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(this.#key)).sort();
    for (const key of keys) {
      const number = Number(key.slice(this.#key.length));
      const data = JSON.parse(sessionStorage.getItem(key));
      this.#waiting.set(data.id, { data, number });
      this.#next = number + 1;
    }
  }

  get size() {
    return this.#waiting.size;
  }

  get full() {
    return this.size >= MAX_WAITING;
  }

  /** What waits, in the order of drawing. */
  get waiting() {
    return [...this.#waiting.values()].map(({ data }) => data);
  }

  add(data) {
    if (this.#waiting.has(data.id)) return;
    const number = this.#next;
    this.#next += 1;
    this.#waiting.set(data.id, { data, number });
    try {
      sessionStorage.setItem(this.#place(number), JSON.stringify(data));
    } catch {
      // Storage is full or forbidden: this one does not outlive a reload.
    }
    this.#unsent.add(data.id);
    this.#pump();
  }

  /** The stream holds it: it is no longer ours to worry about. */
  settle(id) {
    const entry = this.#waiting.get(id);
    if (!entry) return;
    this.#waiting.delete(id);
    this.#unsent.delete(id);
    sessionStorage.removeItem(this.#place(entry.number));
  }

  /** A connection is there, and all that the stream held is known: what is left has to be sent. */
  open(send) {
    this.close();
    this.#send = send;
    this.#unsent = new Set(this.#waiting.keys());
    this.#pump();
  }

  /** The connection is gone, and with it every answer that was expected of it. */
  close() {
    this.#send = undefined;
    this.#round += 1;
    this.#unanswered = 0;
  }

  #place(number) {
    return this.#key + String(number).padStart(12, '0');
  }

  #pump() {
    while (this.#send && this.#unanswered < MAX_UNANSWERED && this.#unsent.size > 0) {
      const [id] = this.#unsent;
      this.#unsent.delete(id);
      this.#deliver(id);
    }
  }

  async #deliver(id) {
    const round = this.#round;
    const { data } = this.#waiting.get(id);
    this.#unanswered += 1;
    let again = false;
    try {
      await this.#send(data);
    } catch (error) {
      if (round !== this.#round) return; // the connection was lost: all is sent anew on the next
      again = error.temporary !== false; // only the server can say that it is for good
      if (!again) {
        this.settle(id);
        this.refused(data, error);
      }
    }
    if (round !== this.#round) return;
    this.#unanswered -= 1;
    if (again) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (round === this.#round && this.#waiting.has(id)) this.#unsent.add(id);
    }
    if (round === this.#round) this.#pump();
  }
}
