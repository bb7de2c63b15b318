// The page: tools, people, the state of the connection and what has to be said about it.

import { MAX_STROKES, PALETTE } from './board.mjs';
import { Painter } from './painter.mjs';
import { Pen, newId } from './pen.mjs';
import { Session, plural } from './session.mjs';

const COLORS = ['Eraser', 'Ink', 'Red', 'Orange', 'Yellow', 'Green', 'Blue', 'Violet'];
const WIDTHS = { Fine: 3, Medium: 6, Broad: 14, Huge: 40 };

/** How long it stands there that something was recovered, in ms. */
const RECOVERED_MS = 8000;

/** Notices shown at once; the oldest makes room. */
const MAX_NOTICES = 5;

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

/** The node is on this machine too, unless the address says otherwise: ?node=host:port */
const node = query.get('node') ?? `${location.hostname}:8000`;
const name = /^#([\w-]{1,40})$/.exec(location.hash)?.[1] ?? 'team';
history.replaceState(null, '', `${location.search}#${name}`);
addEventListener('hashchange', () => location.reload());

/** This tab: another tab is another person, who can have another name. */
const me = remembered('whiteboard:me', () => {
  const pick = (...list) => list[Math.floor(Math.random() * list.length)];
  const how = pick('Quiet', 'Swift', 'Merry', 'Bold', 'Gentle', 'Clever');
  const who = pick('Otter', 'Heron', 'Lynx', 'Robin', 'Badger', 'Hare');
  return { user: crypto.randomUUID().slice(0, 8), name: `${how} ${who}` };
});

const view = {
  stroke: (stroke, position) => (painter.stroke(stroke, position), counted()),
  clear: (position) => (painter.clear(position), counted()),
  replace: (strokes, position) => (painter.replace(strokes, position), counted()),
  moved: (position) => painter.moved(position),
  preview: (part) => painter.preview(part),
  pending: () => (painter.pending(), counted()),
  people,
  state,
  notice,
};

const session = new Session({ name, node, me, view });
const pen = new Pen($('live'), () => (session.mayDraw ? style() : undefined), {
  finished: (stroke) => session.draw(stroke),
  preview: (part) => session.preview(part),
  changed: () => painter.growing(),
});
const painter = new Painter($('board'), $('drafts'), $('live'), {
  waiting: () => session.outbox.waiting.filter(({ clear }) => !clear),
  growing: () => pen.growing,
});

// --- tools ------------------------------------------------------------------------------------------

COLORS.forEach((label, color) => {
  const dot = choice('colors', 'color', label, color, color === 1);
  if (color === 0) dot.classList.add('eraser');
  else dot.style.background = `rgb(${PALETTE[color].join(' ')})`;
});
for (const [label, width] of Object.entries(WIDTHS)) {
  const dot = choice('widths', 'width', label, width, width === 6);
  dot.style.setProperty('--size', `${Math.min(26, 4 + width * 0.55)}px`);
}

/** Adds one choice of a group, and returns what shows it. The arrow keys walk through a group. */
function choice(place, name, text, value, checked) {
  const label = Object.assign(document.createElement('label'), { title: text });
  const input = Object.assign(document.createElement('input'), { type: 'radio', name, value, checked });
  input.setAttribute('aria-label', text);
  const dot = document.createElement('span');
  label.append(input, dot);
  $(place).append(label);
  return dot;
}

function style() {
  const chosen = (group) => Number(document.querySelector(`input[name=${group}]:checked`).value);
  return { color: chosen('color'), width: chosen('width') };
}

$('clear').addEventListener('click', () => {
  if ($('clear').dataset.sure) session.draw({ id: newId(), clear: true });
  sure(!$('clear').dataset.sure);
});
$('clear').addEventListener('blur', () => sure(false));

function sure(asking) {
  if (asking) $('clear').dataset.sure = 'true';
  else delete $('clear').dataset.sure;
  $('clear').textContent = asking ? 'For everybody?' : 'Clear';
}

$('name').value = me.name;
$('name').addEventListener('change', () => {
  me.name = $('name').value.trim() || me.name;
  $('name').value = me.name;
  sessionStorage.setItem('whiteboard:me', JSON.stringify(me));
  session.rename();
});

let away = false;
$('away').addEventListener('click', () => {
  away = !away;
  $('away').textContent = away ? 'Come back' : 'Go offline';
  $('away').setAttribute('aria-pressed', away);
  if (away) session.stop();
  else session.start();
});

// --- what is told -----------------------------------------------------------------------------------

function people(list) {
  const names = new Map(list.map(({ user, name }) => [user, String(name)]));
  const chips = [...names].map(([user, name]) => {
    const chip = document.createElement('li');
    const initials = name.split(/\s+/).map((word) => [...word][0] ?? '').slice(0, 2).join('');
    const hue = [...user].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
    chip.style.setProperty('--hue', hue);
    chip.textContent = initials.toUpperCase();
    chip.title = user === me.user ? `${name} (you)` : name;
    chip.setAttribute('aria-label', chip.title);
    return chip;
  });
  $('people').replaceChildren(...chips);
  $('count').textContent = names.size === 1 ? 'Only you' : plural(names.size, 'person').replace('persons', 'people');
}

let fading;
function state({ kind, text, wait, recovered = 0 }) {
  clearTimeout(fading);
  const pill = $('state');
  pill.dataset.kind = kind;
  pill.dataset.recovered = recovered;
  pill.textContent = wait > 1500 ? `${text} in ${Math.round(wait / 1000)} s` : text;
  if (kind !== 'connected') {
    people([]);
    $('count').textContent = '';
  }
  if (recovered > 0) fading = setTimeout(() => (pill.textContent = 'Connected'), RECOVERED_MS);
}

function counted() {
  const { board, outbox } = session;
  const rests = outbox.full ? ': the pen rests until the server is there again' : '';
  const waiting = outbox.size > 0 ? `, ${outbox.size.toLocaleString('en')} not sent yet${rests}` : '';
  $('strokes').textContent = board.full
    ? `${MAX_STROKES.toLocaleString('en')} strokes: the board is full until somebody clears it`
    : `${plural(board.strokes.length, 'stroke')}${waiting}`;
}

function notice({ reason, text, done, again }) {
  const line = document.createElement('div');
  line.dataset.reason = reason;
  const tag = Object.assign(document.createElement('code'), { textContent: reason });
  const words = Object.assign(document.createElement('p'), { textContent: [text, done].filter(Boolean).join(' ') });
  line.append(tag, words);
  const button = (label, act) => {
    const made = Object.assign(document.createElement('button'), { textContent: label });
    made.addEventListener('click', () => (line.remove(), act()));
    line.append(made);
  };
  if (again) button('Draw them again', again);
  button('Dismiss', () => {});
  $('notices').append(line);
  while ($('notices').childElementCount > MAX_NOTICES) $('notices').firstElementChild.remove();
}

// --- the rest ---------------------------------------------------------------------------------------

function remembered(key, make) {
  try {
    const value = JSON.parse(sessionStorage.getItem(key));
    if (value) return value;
  } catch {
    // Not what this page has written.
  }
  const value = make();
  sessionStorage.setItem(key, JSON.stringify(value));
  return value;
}

$('title').textContent = name;
document.title = `${name} · Whiteboard`;
$('another').href = location.href;
addEventListener('online', () => session.hurry());
addEventListener('visibilitychange', () => document.visibilityState === 'visible' && session.hurry());

/** For the console: `whiteboard.draw([{color: 2, width: 6, points: [100, 100, 900, 700]}])`. */
globalThis.whiteboard = {
  draw: (strokes) => strokes.forEach((stroke) => session.draw({ id: newId(), ...stroke })),
  get position() {
    return session.follower.position;
  },
};

session.start();
