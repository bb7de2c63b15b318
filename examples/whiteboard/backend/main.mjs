// The application behind the whiteboard: its page, its tokens, and a copy of every board.
//
//   PAGE_PORT, NODE_URL, NODE_KEY, NODE_SECRET, STORE_DIR: set by ../run

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Node } from './node.mjs';
import { Store } from './store.mjs';

const { PAGE_PORT, NODE_URL, NODE_KEY, NODE_SECRET, STORE_DIR } = process.env;

/** How long a page may wait for the copy to be as far as it is, in ms. */
const PATIENCE_MS = 6000;

/** A request's body, in bytes: a name and an id. */
const BODY_BYTES = 1024;

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy':
    "default-src 'self'; img-src data:; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'none'",
};

const FOLDER = fileURLToPath(new URL('../page/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.mjs': 'text/javascript' };

const node = new Node({ base: NODE_URL, key: NODE_KEY, secret: NODE_SECRET });
const store = new Store(STORE_DIR, node);

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://page');
  const [, board] = /^\/boards\/([^/]+)$/.exec(pathname) ?? [];
  if (request.method === 'POST' && pathname === '/token') return token(request);
  if (request.method !== 'GET') return { status: 405 };
  if (board) return snapshot(board, searchParams);
  return file(pathname === '/' ? 'index.html' : pathname.slice(1));
}

/** Who asks may choose who to be: this application knows nobody. A real one asks its session. */
async function token(request) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > BODY_BYTES) return { status: 413 };
  }
  const { user, name } = JSON.parse(text);
  if (!/^[\w-]{1,40}$/.test(user) || user === 'store' || typeof name !== 'string') return { status: 400 };
  return { type: 'text/plain', body: node.token(user, { name: name.slice(0, 24) }) };
}

/** The copy of a board; with `epoch` and `offset`, as soon as it is as far as they say. */
async function snapshot(name, query) {
  const board = await store.board(name);
  if (!board) return { status: 404 };
  if (query.has('epoch')) {
    const least = { epoch: query.get('epoch'), offset: Number(query.get('offset')) };
    try {
      await board.reached(least, AbortSignal.timeout(PATIENCE_MS));
    } catch {
      return { status: 503 };
    }
  }
  return { type: 'application/json', body: board.snapshot() };
}

async function file(name) {
  const type = TYPES[path.extname(name)];
  if (!type || !/^[\w.-]+$/.test(name)) return { status: 404 };
  const body = await readFile(path.join(FOLDER, name)).catch(() => undefined);
  return body ? { type, body } : { status: 404 };
}

const server = http.createServer(async (request, response) => {
  const { status = 200, type = 'text/plain', body = '' } = await answer(request).catch(() => ({ status: 400 }));
  response.writeHead(status, { ...HEADERS, 'Content-Type': type }).end(body);
});

server.on('error', (error) => {
  console.error(`whiteboard: the page cannot be served: ${error.message}`);
  process.exit(2);
});

await store.open();
server.listen(Number(PAGE_PORT), '127.0.0.1');
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    server.close();
    server.closeAllConnections();
    await store.close();
    process.exit(0);
  });
}
