// The Centrifuge SDK for JavaScript, in both of its encodings, with a mailbox per kind of event.

import { Centrifuge as JsonCentrifuge } from 'centrifuge';
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf';
import WebSocket from 'ws';

import { Mailbox } from './deadline.mjs';
import { remember } from './opened.mjs';

/** What differs between the encodings: the class, and what a payload is. */
export const ENCODINGS = [
  { name: 'JSON', Centrifuge: JsonCentrifuge, encode: (value) => value, decode: (data) => data },
  {
    name: 'Protobuf',
    Centrifuge: ProtobufCentrifuge,
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  },
];

const CLIENT_EVENTS = [
  'connecting', 'connected', 'disconnected', 'error', 'subscribed', 'unsubscribed', 'publication',
  'join', 'leave',
];
const SUBSCRIPTION_EVENTS = [
  'subscribing', 'subscribed', 'unsubscribed', 'publication', 'join', 'leave', 'error',
];

/** A client that reconnects fast. It does not connect before `client.connect()`. */
export function client(encoding, url, options = {}) {
  const sdk = new encoding.Centrifuge(url, {
    websocket: WebSocket,
    minReconnectDelay: 10,
    maxReconnectDelay: 100,
    ...options,
  });
  sdk.events = mailboxes(sdk, CLIENT_EVENTS, 'client');
  remember(() => sdk.disconnect());
  return sdk;
}

/** A client that is connected. */
export async function connected(encoding, url, options) {
  const sdk = client(encoding, url, options);
  sdk.connect();
  sdk.hello = await sdk.events.connected.next('connected');
  return sdk;
}

/** A new subscription of a client, not yet subscribed. */
export function subscription(sdk, channel, options) {
  const sub = sdk.newSubscription(channel, options);
  sub.events = mailboxes(sub, SUBSCRIPTION_EVENTS, `subscription ${channel}`);
  return sub;
}

/** A new subscription that is subscribed; `hello` is what the SDK said then. */
export async function subscribed(sdk, channel, options) {
  const sub = subscription(sdk, channel, options);
  sub.subscribe();
  sub.hello = await sub.events.subscribed.next('subscribed');
  return sub;
}

/** Waits until a subscription has noticed that its connection is gone. */
export function away(sub) {
  return sub.events.subscribing.take((context) => context.code === 1, 'the break was noticed');
}

/** The next publications of a subscription: their payloads, and where they stand. */
export async function received(encoding, sub, count) {
  const got = { texts: [], offsets: [] };
  while (got.texts.length < count) {
    const publication = await sub.events.publication.next(`publication ${got.texts.length + 1} of ${count}`);
    got.texts.push(encoding.decode(publication.data));
    got.offsets.push(publication.offset);
  }
  return got;
}

function mailboxes(emitter, names, owner) {
  return Object.fromEntries(
    names.map((name) => {
      const box = new Mailbox(`${owner}, event ${name}`);
      emitter.on(name, (context) => box.put(context));
      return [name, box];
    }),
  );
}
