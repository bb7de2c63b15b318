// Positions as plain clients write them, and coming back at one.

import { Socket } from './socket.mjs';

/** A position as URLs have it; without a tag where it has none. */
export function at({ epoch, offset, tag }) {
  return encodeURIComponent(eventId({ epoch, offset, tag }));
}

/** A position as event ids have it. */
export function eventId({ epoch, offset, tag }) {
  return `${epoch}.${offset}${tag ? `~${tag}` : ''}`;
}

/** A plain socket that came back to a channel at a position; `back` is how it was subscribed. */
export async function comeBack(server, channel, position) {
  const socket = await Socket.follow(server.ws(''), [channel], { query: `&since=${at(position)}` });
  return { socket, back: socket.subs[channel] };
}

/** The payloads of the next publications of a plain socket. */
export async function texts(socket, count) {
  const got = [];
  while (got.length < count) {
    got.push((await socket.json(`publication ${got.length + 1} of ${count}`)).pub.data);
  }
  return got;
}
