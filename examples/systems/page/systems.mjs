// The page of a user: what business systems say to them.

import { Inbox, kindOf } from './inbox.mjs';
import { RawSocket } from './raw.mjs';

const $ = (id) => document.getElementById(id);

// The node is where the page is, at its usual port unless the address says otherwise: ?user=1&node=port
const query = new URLSearchParams(location.search);
const user = query.get('user') ?? '1';
const port = query.get('node') ?? '8000';

const inbox = new Inbox({ ask: (message) => socket.send(message), changed: show });
const socket = new RawSocket({
  address: async (signal) => {
    const response = await fetch(`token?user=${encodeURIComponent(user)}`, { method: 'POST', signal });
    if (!response.ok) throw new Error(await response.text());
    return `ws://${location.hostname}:${port}/ws?format=raw&token=${await response.text()}`;
  },
  state: told,
  message: (text) => {
    if (!/^(inbox\.|error$)/.test(kindOf(text))) $('wire').textContent = text;
    inbox.take(text);
  },
});

function told(kind, detail) {
  $('state').dataset.kind = kind;
  if (kind === 'connected') {
    $('user').textContent = detail;
    $('state').textContent = 'Connected';
    inbox.look();
  } else {
    $('state').textContent = kind === 'coming' ? 'Coming back …' : detail;
  }
}

function show({ unread, messages }) {
  $('count').textContent = unread;
  $('all').disabled = unread === 0;
  $('list').replaceChildren(...messages.map(entry).reverse());
}

function entry({ data }) {
  const line = document.createElement('li');
  line.dataset.system = data?.system ?? '';
  const what = document.createElement('div');
  const who = document.createElement('b');
  const words = document.createElement('p');
  who.textContent = data?.system ?? 'somebody';
  words.textContent = data?.text ?? JSON.stringify(data);
  what.append(who, words);
  line.append(what);
  return line;
}

query.set('user', BigInt(/^\d{1,18}$/.test(user) ? user : 0) + 1n);
$('other').href = `?${query}`;
$('all').addEventListener('click', () => inbox.readAll());
socket.start();
