// The application: its pages and sessions for people, and a listener of its own for what nodes ask and tell.
//
//   PAGE_PORT, HOOKS_PORT, NODES, NODE_URLS, NODE_KEY, SESSION_SECRET, WEBHOOK_SECRET: set by ../run

import { fileURLToPath } from 'node:url';

import express from 'express';
import session from 'express-session';
import { Webhook } from 'standardwebhooks';

import { handlersFor } from './handlers.mjs';
import { Nodes } from './nodes.mjs';
import { Online } from './online.mjs';

const { PAGE_PORT, HOOKS_PORT, NODES, NODE_URLS, NODE_KEY, SESSION_SECRET, WEBHOOK_SECRET } = process.env;

/** A message for a person, and a name, in characters. */
const MESSAGE = 2000;
const NAME = /^[\w.-]{1,40}$/;

/** How long a session lasts that is not used, in ms. */
const SESSION_MS = 8 * 60 * 60 * 1000;

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy':
    "default-src 'self'; img-src data:; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'none'",
};

const nodes = new Nodes(NODE_URLS.split(','), NODE_KEY);
const handlers = handlersFor(nodes);
const online = new Online();
const webhook = new Webhook(WEBHOOK_SECRET);

const sessions = session({
  name: 'webhook_session',
  secret: SESSION_SECRET,
  cookie: { httpOnly: true, sameSite: 'lax', maxAge: SESSION_MS },
  rolling: true,
  resave: false,
  saveUninitialized: false,
});

const folder = (name) => fileURLToPath(new URL(name, import.meta.url));

// --- for people -------------------------------------------------------------------------------------

const pages = express();
pages.disable('x-powered-by');
pages.use((request, response, next) => {
  response.set(HEADERS);
  // Pages from elsewhere may not act for whoever is logged in here.
  const { origin, host } = request.headers;
  if (request.method === 'POST' && origin && origin !== `http://${host}`) return response.sendStatus(403);
  return next();
});
pages.use(express.static(folder('../page')), express.static(folder('../../pages')));
pages.use(sessions, express.json({ limit: '16kb' }));

/** A name is enough: this application believes everybody. A real one asks for a password. */
pages.post('/login', (request, response, next) => {
  const { name } = request.body ?? {};
  if (!NAME.test(name)) return response.status(400).send('a name has letters, digits, dots, dashes and underscores');
  return request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = name;
    return response.json({ user: name });
  });
});

pages.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.json({})));
});

/** Who is logged in, and the ports of the nodes to connect to. */
pages.get('/me', (request, response) => {
  response.json({ user: request.session.user, nodes: NODES.split(',') });
});

/** Who is online, for those who are logged in. */
pages.get('/online', (request, response) => {
  if (!request.session.user) return response.sendStatus(401);
  return response.json({ users: online.users() });
});

pages.post('/send', async (request, response) => {
  const { user } = request.session;
  const { to, text } = request.body ?? {};
  if (!user) return response.sendStatus(401);
  if (!NAME.test(to) || typeof text !== 'string' || !text || text.length > MESSAGE) return response.sendStatus(400);
  await nodes.message(to, `${user}: ${text}`);
  return response.json({});
});

// --- for nodes ----------------------------------------------------------------------------------------

const hooks = express();
hooks.disable('x-powered-by');

/** What nodes tell of clients. What is signed is the body as it came, so it must not be parsed before. */
hooks.post('/events', express.raw({ type: 'application/json', limit: '4mb' }), (request, response) => {
  let events;
  try {
    ({ events } = webhook.verify(request.body, request.headers));
  } catch {
    return response.sendStatus(401);
  }
  for (const event of events) online.take(event);
  return response.sendStatus(204);
});

hooks.use(express.json({ limit: '1mb' }));

/** Whose is the cookie that came with a WebSocket's request? */
hooks.post('/connect', sessions, (request, response) => {
  const { user } = request.session;
  response.json(user ? { result: { user } } : { error: { code: 401, message: 'log in first' } });
});

/** Text that came in over a WebSocket. Its `msg_type` is the method, and chooses the handler. */
hooks.post('/rpc', async (request, response) => {
  const { user, method = '', data } = request.body;
  const handler = handlers.get(method);
  if (!handler) return response.json({ error: { code: 404, message: `nobody handles ${method.slice(0, 40)}` } });
  return response.json({ result: { data: await handler(user, data) } });
});

const trouble = (error, request, response, next) => {
  if (response.headersSent) return next(error);
  console.error(`webhook: ${request.path}: ${error.message}`);
  return response.status(error.status ?? 502).send('it did not work');
};
pages.use(trouble);
hooks.use(trouble);

for (const [app, port] of [[hooks, HOOKS_PORT], [pages, PAGE_PORT]]) {
  const server = app.listen(Number(port), '127.0.0.1', (error) => {
    if (!error) return;
    console.error(`webhook: cannot listen: ${error.message}`);
    process.exit(2);
  });
  process.once('SIGTERM', () => server.close());
  process.once('SIGTERM', () => server.closeAllConnections());
}
