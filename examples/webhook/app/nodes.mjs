// Messages for users, through whichever node is there.

/** How long an answer may take, in ms. */
const PATIENCE_MS = 5000;

/** Errors after which nothing was sent: the next node may be asked without doing it twice. */
const NOBODY_THERE = new Set(['ECONNREFUSED', 'EHOSTUNREACH']);

export class Nodes {
  #next = 0;

  /** @param bases `http://host:port` of each node, or of what is before them; `key` is the server API's */
  constructor(bases, key) {
    Object.assign(this, { bases, key });
  }

  /** Sends `message`, anything JSON has, to all sockets of a user, on whichever nodes. */
  async message(userId, message) {
    for (let tries = 1; ; tries += 1) {
      const base = this.bases[(this.#next += 1) % this.bases.length];
      try {
        return await this.#post(`${base}/message`, { userId, message });
      } catch (error) {
        if (!NOBODY_THERE.has(error.cause?.code) || tries === this.bases.length) throw error;
      }
    }
  }

  async #post(url, body) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-API-Key': this.key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const answer = await response.json();
    if (!response.ok || answer.error) throw new Error(`${url}: ${answer.error?.message ?? response.status}`);
  }
}
