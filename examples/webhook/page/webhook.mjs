// The page of a person: what arrives over their socket, as it is, and who is online.

import { kindOf } from './inbox.mjs';
import { post } from './post.mjs';
import { RawSocket } from './raw.mjs';

/** Lines that are kept, so that a page left open does not grow. */
const LINES = 200;

/** Between two looks at who is online, in ms. */
const LOOK_MS = 1000;

const $ = (id) => document.getElementById(id);

let nodes = [];
let turn = Math.floor(Math.random() * 100);

const socket = new RawSocket({
  // Where nothing is before the nodes, the next one is tried when one is gone.
  address: async () => `ws://${location.hostname}:${nodes[turn++ % nodes.length]}/ws?format=raw`,
  state: told,
  message: arrived,
});

function told(kind, detail) {
  $('state').dataset.kind = kind;
  const words = { connected: `Connected as ${detail}`, coming: 'Coming back …', refused: `Refused: ${detail}` };
  $('state').textContent = words[kind];
}

function arrived(text) {
  const kind = kindOf(text);
  if (kind === 'error') return say(JSON.parse(text).error.message);
  if (kind === 'inbox.state' || text === '') return undefined;
  const line = document.createElement('li');
  const what = document.createElement('span');
  what.textContent = text;
  line.append(what);
  $('log').prepend(line);
  while ($('log').childElementCount > LINES) $('log').lastElementChild.remove();
  // What was shown need not wait for this person any more.
  return socket.send({ msg_type: 'inbox.ack', data: { all: true } });
}

function say(text) {
  $('said').textContent = text;
}

async function begin() {
  const me = await (await fetch('me')).json();
  nodes = me.nodes;
  $('login').hidden = Boolean(me.user);
  $('logout').hidden = !me.user;
  $('there').hidden = !me.user;
  if (!me.user) return;
  socket.start();
  look();
}

/** Shows who is online, as the application knows from what nodes tell it; and again, and again. */
async function look() {
  try {
    show((await (await fetch('online')).json()).users);
  } catch {
    // The application is gone; what is shown was true when it was.
  }
  setTimeout(look, LOOK_MS);
}

function show(users) {
  const shown = [...$('online').children].map((item) => item.textContent);
  if (shown.join(' ') === users.join(' ')) return;
  $('online').replaceChildren(...users.map((user) => Object.assign(document.createElement('li'), { textContent: user })));
}

function form(id, work) {
  $(id).addEventListener('submit', async (event) => {
    event.preventDefault();
    say('');
    try {
      await work();
    } catch (error) {
      say(error.message);
    }
  });
}

form('login', async () => {
  await post('login', { name: $('name').value });
  await begin();
});
form('send', async () => {
  await post('send', { to: $('to').value, text: $('text').value });
  $('text').value = '';
});
form('speak', async () => {
  if (!socket.send($('words').value)) say('There is no connection.');
  else $('words').value = '';
});
// To see what becomes of it.
$('anyway').addEventListener('click', () => socket.start());
$('logout').addEventListener('click', async () => {
  socket.stop();
  await post('logout').catch(() => {}); // the page that comes now shows what is true
  location.reload();
});

begin();
