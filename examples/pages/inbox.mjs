// What is unread, as the server knows it. Frames are messages and nothing else, so that whatever happens,
// a message or an acknowledgement on some device, the list is asked for anew: once at a time.

/** Messages that are listed. */
const LISTED = 50;

/** The wait before asking again for what could not be answered, in ms. */
const AGAIN_MS = 2000;

/** What kind of message a frame is; an empty text for what has no kind. */
export function kindOf(text) {
  try {
    return String(JSON.parse(text)?.msg_type ?? '');
  } catch {
    return '';
  }
}

export class Inbox {
  #asked = false;
  #again = false;
  #state;

  /** @param ask `(message)`: sends; false if nobody is there. @param changed `({unread, messages, dropped})`: the list, oldest first */
  constructor({ ask, changed }) {
    Object.assign(this, { ask, changed });
  }

  /** Asks for the list, after coming back too: an answer may have been lost with the connection. */
  look() {
    this.#again = false;
    this.#asked = this.ask({ msg_type: 'inbox.state', data: { limit: LISTED } });
  }

  /** Takes in a frame, whatever it is. */
  take(text) {
    const kind = kindOf(text);
    const frame = kind === 'inbox.state' ? JSON.parse(text) : undefined;
    if (kind === 'error') {
      setTimeout(() => this.look(), AGAIN_MS); // it may have been about the list: errors do not say
    } else if (frame?.messages) {
      this.#state = frame;
      this.changed(frame);
      if (this.#again) this.look();
      else this.#asked = false;
    } else if (this.#asked) {
      this.#again = true;
    } else {
      this.look();
    }
  }

  /** Marks one message as read, everywhere. */
  read(offset) {
    this.ask({ msg_type: 'inbox.ack', data: { offsets: [offset] } });
  }

  /** Marks all that there was when the list was shown: what has come since is still unread. */
  readAll() {
    this.ask({ msg_type: 'inbox.ack', data: { upto: this.#state.top } });
  }
}
