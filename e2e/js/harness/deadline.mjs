// Waiting for conditions. Nothing in the suites sleeps to get an order of events: it waits for what
// it needs, and fails with the name of what did not come.

/** How long anything that should happen at once may take on a loaded two-core machine, in ms. */
export const DEADLINE_MS = 15_000;

/** The promise's value, or an error that names what did not happen in time. */
export async function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `check` again and again until it answers something truthy, and returns that. */
export async function until(check, what, ms = DEADLINE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Things that arrived, in order, and those who wait for them. */
export class Mailbox {
  #arrived = [];
  #waiting = new Set();

  constructor(name) {
    this.name = name;
  }

  put(item) {
    this.#arrived.push(item);
    for (const look of [...this.#waiting]) look();
  }

  /** What arrived and was not taken yet. */
  get waiting() {
    return [...this.#arrived];
  }

  /** Takes the oldest item. */
  next(what = 'next item') {
    return this.take(() => true, what);
  }

  /** Takes the oldest item for which `wanted` is true; older ones stay where they are. */
  take(wanted, what) {
    let look;
    const found = new Promise((resolve, reject) => {
      look = () => {
        try {
          const at = this.#arrived.findIndex(wanted);
          if (at < 0) return;
          this.#waiting.delete(look);
          resolve(this.#arrived.splice(at, 1)[0]);
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.add(look);
      look();
    });
    return within(found, `${this.name}: ${what}`)
      .catch((error) => {
        error.message += `; here instead: ${preview(this.#arrived)}`;
        throw error;
      })
      .finally(() => this.#waiting.delete(look));
  }
}

function preview(items) {
  const text = items
    .map((item) => (typeof item === 'string' ? item : JSON.stringify(item)))
    .join(' | ');
  return text.length > 600 ? `${text.slice(0, 600)}…` : text || 'nothing';
}
