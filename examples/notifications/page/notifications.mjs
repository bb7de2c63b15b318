// The page of a user: what is unread, on this device as on every other.

import { Inbox, kindOf } from './inbox.mjs';
import { post } from './post.mjs';
import { RawSocket } from './raw.mjs';

const $ = (id) => document.getElementById(id);

// The node is where the page is, at its usual port unless the address says otherwise: ?node=port
const port = new URLSearchParams(location.search).get('node') ?? '8000';

const inbox = new Inbox({ ask: (message) => socket.send(message), changed: show });
const socket = new RawSocket({
  address: async () => `ws://${location.hostname}:${port}/ws?format=raw`,
  state: told,
  message: (text) => {
    const kind = kindOf(text);
    if (kind === 'error') say(JSON.parse(text).error.message);
    else if (!kind.startsWith('inbox.')) $('wire').textContent = text;
    inbox.take(text);
  },
});

function told(kind, detail) {
  $('state').dataset.kind = kind;
  if (kind === 'connected') {
    $('user').textContent = detail;
    $('state').textContent = 'Connected';
    inbox.look();
  } else if (kind === 'coming') {
    $('state').textContent = 'Coming back …';
  } else {
    location.reload(); // which asks who we are
  }
}

function show({ unread, messages, dropped }) {
  $('count').textContent = unread;
  $('count').hidden = unread === 0;
  $('bell').setAttribute('aria-label', unread === 0 ? 'no unread notifications' : `${unread} unread notifications`);
  document.title = unread === 0 ? 'Notifications' : `(${unread}) Notifications`;
  $('list').replaceChildren(...messages.map(entry));
  $('all').disabled = unread === 0;
  $('none').hidden = unread > 0;
  $('more').hidden = unread <= messages.length;
  $('more').textContent = `and ${unread - messages.length} more`;
  $('dropped').hidden = dropped === 0;
  $('dropped').textContent = `${dropped} were dropped unread: there was no room for more.`;
}

function entry({ offset, data }) {
  const line = document.createElement('li');
  const kind = data?.msg_type ?? 'message';
  line.dataset.kind = kind;
  const what = document.createElement('div');
  const who = document.createElement('b');
  const words = document.createElement('p');
  who.textContent = data?.data?.from ? `${kind} from ${data.data.from}` : kind;
  words.textContent = data?.data?.text ?? JSON.stringify(data);
  what.append(who, words);
  const read = document.createElement('button');
  read.className = 'quiet';
  read.textContent = 'Read';
  read.addEventListener('click', () => inbox.read(offset));
  line.append(what, read);
  return line;
}

function say(text) {
  $('said').textContent = text;
}

/** A form whose fields go to the backend. */
function form(id, fields, done) {
  $(id).addEventListener('submit', async (event) => {
    event.preventDefault();
    const { elements } = event.target;
    say('On its way …');
    try {
      const answer = await post(id, fields(elements));
      if (id === 'send') elements.text.value = '';
      say(done(answer));
    } catch (error) {
      say(error.message);
    }
  });
}

form(
  'remind',
  ({ text, seconds }) => ({ text: text.value, seconds: Number(seconds.value) }),
  ({ due }) => `You will be reminded at ${new Date(due).toLocaleTimeString()}.`,
);
form('send', ({ to, text }) => ({ to: to.value, text: text.value }), () => 'Sent.');
$('all').addEventListener('click', () => inbox.readAll());
$('logout').addEventListener('click', async () => {
  socket.stop();
  await post('logout').catch(() => {}); // who is logged out is told so by the next page
  location.reload();
});

socket.start();
