// One WebSocket after the other: commands with their replies, coming back with growing and scattered
// waits, and noticing when nobody is there any more. It knows nothing of channels.

/** First and longest wait before connecting again, in ms. Each is scattered down to its half, so that
 * not everybody comes back at the same moment. */
const BACK_OFF_MS = [250, 8000];

/** How long an address, a connection or a reply may take, in ms. */
const PATIENCE_MS = 8000;

/** After that much silence the server is asked whether it is still there, in ms. */
const SILENCE_MS = 10_000;

/** Codes after which coming back is of no use. An invalid token is not among them: each connection has a new one. */
const isFinal = (code) => code !== 3500 && ((code > 3500 && code < 4000) || (code >= 4500 && code < 5000));

/** A command that the server refused, with its `code` and whether it may go well later. */
export class CommandError extends Error {
  constructor({ code, message, temporary = false }) {
    super(message);
    Object.assign(this, { code, temporary });
  }
}

export class Connection {
  #socket;
  #timer;
  #heard = 0;
  #failures = 0;
  #attempt = 0;
  #commands = 0;
  #asked = new Map();

  /**
   * @param address `async ()`: the URL to connect to; failing counts as not being able to connect
   * @param opened called when a connection is there
   * @param message `(object)`: what the server sent without being asked
   * @param lost `(wait, final)`: the connection is gone; the next attempt is in `wait` ms, or `final` says
   *   why there is none
   * @param probe the command that asks whether the server is still there
   */
  constructor({ address, opened, message, lost, probe }) {
    Object.assign(this, { address, opened, message, lost, probe });
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Connects now, and from then on whenever the connection is lost. */
  start() {
    this.stop();
    this.#connect();
  }

  /** Ends the connection, and does not come back. */
  stop() {
    this.#attempt += 1;
    clearTimeout(this.#timer);
    this.#part();
  }

  /** The connection is of no use: another one, after a wait. */
  drop() {
    this.#lose(undefined);
  }

  /** Sends a command; resolves to the reply, rejects with a `CommandError` or when the connection is lost. */
  ask(command) {
    if (!this.isOpen) return Promise.reject(new Error('not connected'));
    const id = (this.#commands += 1);
    this.#socket.send(JSON.stringify({ id, ...command }));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.drop(), PATIENCE_MS);
      this.#asked.set(id, { resolve, reject, late });
    });
  }

  async #connect() {
    const attempt = (this.#attempt += 1);
    this.#timer = setTimeout(() => this.#lose(undefined), 2 * PATIENCE_MS);
    let address;
    try {
      address = await this.address(AbortSignal.timeout(PATIENCE_MS));
    } catch {
      if (attempt === this.#attempt) this.#lose(undefined);
      return;
    }
    if (attempt !== this.#attempt) return;
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.onopen = () => {
      clearTimeout(this.#timer);
      this.#heard = performance.now();
      this.#listen();
      this.opened();
    };
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#lose(isFinal(code) ? reason || `code ${code}` : undefined);
  }

  #take(message) {
    this.#heard = performance.now();
    if (message.id === undefined) return this.message(message);
    const asked = this.#asked.get(message.id);
    if (!asked) return undefined;
    this.#asked.delete(message.id);
    clearTimeout(asked.late);
    if (message.error) return asked.reject(new CommandError(message.error));
    return asked.resolve(message);
  }

  /** The server's pings are answered by the browser, unseen by pages: so we ask too. */
  #listen() {
    this.#timer = setTimeout(() => {
      if (performance.now() - this.#heard >= SILENCE_MS) this.ask(this.probe).catch(() => {});
      this.#listen();
    }, SILENCE_MS);
  }

  #lose(final) {
    clearTimeout(this.#timer);
    this.#part();
    const attempt = (this.#attempt += 1);
    if (final) return this.lost(undefined, final);
    const [first, longest] = BACK_OFF_MS;
    const wait = Math.min(longest, first * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures += 1;
    this.#timer = setTimeout(() => attempt === this.#attempt && this.#connect(), wait);
    return this.lost(wait);
  }

  /** All went well: the next time begins with the short waits again. */
  settled() {
    this.#failures = 0;
  }

  #part() {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) {
      // A peer that is gone does not answer a goodbye; nothing that this socket still says counts.
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    for (const { reject, late } of this.#asked.values()) {
      clearTimeout(late);
      reject(new Error('connection lost'));
    }
    this.#asked.clear();
  }
}
