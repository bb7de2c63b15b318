// A person at a whiteboard without a browser: the page's own session, connection and raster, in this
// process. There can be many of them where browsers would be too heavy. What browsers have and this
// process has not, is given to the page's code here.

import { createHash } from 'node:crypto';

import WebSocket from 'ws';

import { Raster } from '../../../examples/whiteboard/page/raster.mjs';
import { Session } from '../../../examples/whiteboard/page/session.mjs';

import { Mailbox, until } from './deadline.mjs';
import { remember } from './opened.mjs';

/** Whose connection it is says its token. Everything that each user receives is kept here. */
const wires = new Map();

class Recorded extends WebSocket {
  constructor(url) {
    super(url);
    const token = new URL(url).searchParams.get('token');
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    this.on('message', (text) => wires.get(sub).push(JSON.parse(text)));
    this.on('error', () => {}); // the page hears of the end, as in a browser
  }
}

/** Lets the page's code run here: relative addresses are those of the page at `base`. */
export function beBrowser(base) {
  const { fetch } = globalThis;
  globalThis.fetch = (url, options) => fetch(new URL(url, base), options);
  globalThis.WebSocket = Recorded;
  // What waits to be sent lives no longer than its page here.
  globalThis.sessionStorage = { setItem: () => {}, removeItem: () => {} };
}

export class Drawer {
  #raster = new Raster();
  #drawn = 0;

  constructor(board, node, user) {
    Object.assign(this, { user, offset: 0, previews: 0, notices: [], states: new Mailbox(`states of ${user}`) });
    wires.set(user, []);
    const moved = ({ offset }) => (this.offset = offset);
    const view = {
      stroke: (stroke, position) => (this.#raster.draw(stroke), moved(position)),
      clear: (position) => (this.#raster.clear(), moved(position)),
      replace: (strokes, position) => {
        this.#raster.clear();
        strokes.forEach((stroke) => this.#raster.draw(stroke));
        moved(position);
      },
      moved,
      preview: () => (this.previews += 1),
      people: (people) => (this.people = people),
      pending: () => {},
      state: (state) => this.states.put(state),
      notice: (notice) => this.notices.push(notice),
    };
    this.session = new Session({ name: board, node, me: { user, name: user }, view });
    remember(() => this.session.stop());
    this.session.start();
  }

  /** The publications of the board that came over the wire, by the connection they came on. */
  get received() {
    const connections = [];
    for (const { connect, channel, pub } of wires.get(this.user)) {
      if (connect) connections.push([]);
      if (pub && channel === this.session.channel) connections.at(-1).push(pub.offset);
    }
    return connections;
  }

  /** Waits for a state of the connection, and returns it. */
  is(kind) {
    return this.states.take((state) => state.kind === kind, kind);
  }

  draw(strokes) {
    for (const stroke of strokes) this.session.draw({ id: `${this.user}-${(this.#drawn += 1)}`, ...stroke });
  }

  /** Shows a stroke under the pen. */
  pen(stroke) {
    this.session.preview({ id: `${this.user}-${this.#drawn + 1}`, ...stroke });
  }

  sees(offset, ms) {
    return until(() => this.offset >= offset, `${this.user} sees offset ${offset}`, ms);
  }

  /** What is on the board, as a browser's canvas is told apart: by a hash of its pixels. */
  picture() {
    return createHash('sha256').update(this.#raster.pixels).digest('hex');
  }
}
