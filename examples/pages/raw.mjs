// A connection in the raw format of `/ws?format=raw`: says who it is whenever it opens, comes back by
// itself with growing and scattered waits, and notices when nobody is there any more. What the messages
// mean is the page's.

/** First and longest wait before connecting again, in ms. Each is scattered down to its half, so that
 * not everybody comes back at the same moment. */
const BACK_OFF_MS = [250, 8000];

/** How long a connection, or the answer to a login, may take, in ms. */
const PATIENCE_MS = 8000;

/** After that much silence the server is asked whether it is still there, in ms: its pings are answered
 * by the browser, unseen by pages. */
const SILENCE_MS = 10_000;

/** The close code of a server that does not know who we are (RFC 6455, section 7.4.1). */
const POLICY = 1008;

const LOGIN = JSON.stringify({ msg_type: 'login' });

export class RawSocket {
  #socket;
  #timer;
  #heard = 0;
  #failures = 0;
  #attempt = 0;

  /**
   * @param address `async (signal)`: the URL to connect to; failing counts as not being able to connect
   * @param state `(kind, detail)`: `connected` with the user, `coming` with the wait in ms, `refused` with the reason
   * @param message `(text)`: a frame, except the answer to a login
   */
  constructor({ address, state, message }) {
    Object.assign(this, { address, state, message });
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

  /** Sends a text, or anything else as JSON; false if there is no connection. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    return true;
  }

  async #connect() {
    const attempt = (this.#attempt += 1);
    this.#timer = setTimeout(() => this.#lose(), 2 * PATIENCE_MS);
    let address;
    try {
      address = await this.address(AbortSignal.timeout(PATIENCE_MS));
    } catch {
      if (attempt === this.#attempt) this.#lose();
      return;
    }
    if (attempt !== this.#attempt) return;
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.onopen = () => {
      clearTimeout(this.#timer);
      this.#ask();
    };
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code, reason }) => {
      if (code === POLICY && reason === 'Unauthorized') this.#refused(reason);
      else this.#lose();
    };
  }

  #take(text) {
    this.#heard = performance.now();
    const user = loggedIn(text);
    if (user === undefined) return this.message(text);
    clearTimeout(this.#timer);
    this.#failures = 0;
    this.#listen();
    return this.state('connected', user);
  }

  /** Says who we are, and expects to be told the same. */
  #ask() {
    this.send(LOGIN);
    this.#timer = setTimeout(() => this.#lose(), PATIENCE_MS);
  }

  #listen() {
    this.#timer = setTimeout(() => {
      if (performance.now() - this.#heard >= SILENCE_MS) this.#ask();
      else this.#listen();
    }, SILENCE_MS);
  }

  #refused(reason) {
    this.stop();
    this.state('refused', reason);
  }

  #lose() {
    this.stop();
    const attempt = this.#attempt;
    const [first, longest] = BACK_OFF_MS;
    const wait = Math.min(longest, first * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures += 1;
    this.#timer = setTimeout(() => attempt === this.#attempt && this.#connect(), wait);
    this.state('coming', wait);
  }

  #part() {
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    // A peer that is gone does not answer a goodbye; nothing that this socket still says counts.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

/** The user in the answer to a login; `undefined` for every other frame. */
function loggedIn(text) {
  if (!text.startsWith('{"msg_type":"login"')) return undefined;
  return JSON.parse(text).data?.user;
}
