// Three nodes behind the real HAProxy and the real nginx, with the files of `deploy/`: everything
// goes through, and a node may leave or die without anybody being left out.
//
// The nodes share no backend here. Who moves is therefore told that its history is another one; that
// nothing is missed where they do share one is what cluster-rolling.test.mjs is about.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import WebSocket from 'ws';

import { Api } from '../harness/api.mjs';
import { run } from '../harness/binary.mjs';
import { page } from '../harness/browser.mjs';
import { openTo } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { curlEvents } from '../harness/events.mjs';
import { closeAll, remember } from '../harness/opened.mjs';
import { freePorts } from '../harness/ports.mjs';
import { haproxy, nginx, states } from '../harness/proxies.mjs';
import { ENCODINGS, connected, subscribed } from '../harness/sdk.mjs';
import { Server } from '../harness/server.mjs';
import { Socket } from '../harness/socket.mjs';

const NODES = 3;
const CLIENTS = 9;

/** Well beyond the two seconds in which HAProxy notices, for machines that are busy with more. */
const DELAY = '8s';

/** The namespace that everybody is in. */
const LOBBY = 'chat:lobby';

/** What nodes have beside addresses and channels. */
const NODE = {
  client: { anonymous: true, insecure: true, page: true },
  storage: { backend: 'memory' },
  rooms: { enabled: true },
};

/** Why a client connects again: the node said goodbye, or was gone without a word. */
const GOODBYE = 3001;

async function startNodes() {
  const ports = await freePorts(2 * NODES);
  const starting = Array.from({ length: NODES }, (_, nth) => {
    const server = {
      listen: `127.0.0.1:${ports[2 * nth]}`,
      admin_listen: `127.0.0.1:${ports[2 * nth + 1]}`,
      shutdown_delay: DELAY,
      shutdown_spread: '500ms',
    };
    const chat = { presence: true, history_size: 100, recovery: true };
    const config = openTo({ chat }, { ...NODE, server });
    return Server.start({ config });
  });
  const nodes = await Promise.all(starting);
  for (const node of nodes) node.api = new Api(node);
  return nodes;
}

async function endNodes(nodes) {
  // Nobody is left to wait for: the second signal ends the delay.
  for (const signal of ['SIGTERM', 'SIGINT']) nodes.forEach((node) => node.signal(signal));
  try {
    for (const node of nodes) {
      await node.ended();
      node.assertQuiet();
    }
  } finally {
    for (const node of nodes) await node.kill();
  }
}

/** The status with which a proxy, whose certificate curl trusts, answers a client. */
async function statusOf(proxy, path, ...options) {
  const args = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', proxy.certificate];
  const { stdout } = await run('curl', [...args, ...options, proxy.https(path)]);
  return Number(stdout);
}

/** A Centrifuge client that came through the proxy, in the lobby. */
async function visitor(proxy, encoding = ENCODINGS[0]) {
  class Trusting extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { ca: proxy.ca });
    }
  }
  const sdk = await connected(encoding, proxy.wss('/connection/websocket'), { websocket: Trusting });
  await sdk.events.connecting.next(); // the first one, which is no return
  sdk.lobby = await subscribed(sdk, LOBBY);
  sdk.id = sdk.hello.client;
  return sdk;
}

/** The ids of the clients that a node has in the lobby. */
async function present(node) {
  return Object.keys((await node.api.call('presence', { channel: LOBBY })).presence);
}

/** Those of `clients` that are on a node. */
async function on(node, clients) {
  const ids = new Set(await present(node));
  return clients.filter((sdk) => ids.has(sdk.id));
}

/** How often a client was told to connect again since it was looked at. */
const sentAway = (sdk) => sdk.events.connecting.waiting.length;

/** Waits until a client that was sent away is back in the lobby, as somebody new. */
async function back(sdk) {
  sdk.id = (await sdk.events.connected.next('connected again')).client;
  await sdk.lobby.events.subscribed.next('subscribed again');
}

/** Everybody hears from the node it is on, once; returns nothing, or fails. */
async function everybodyHears(nodes, clients, text) {
  const audiences = await Promise.all(nodes.map((node) => on(node, clients)));
  assert.equal(audiences.flat().length, clients.length, 'every client is on one of these nodes');
  for (const node of nodes) await node.api.publish(LOBBY, text);
  for (const sdk of clients) {
    const { data } = await sdk.lobby.events.publication.next(text);
    assert.equal(Buffer.isBuffer(data) ? JSON.parse(data) : data, text);
    assert.deepEqual(sdk.lobby.events.publication.waiting, [], 'once');
  }
}

/**
 * Somebody who publishes and somebody who comes and goes, one after the other, without end. `stop()`
 * resolves to how often that went well, and to what did not.
 */
function traffic(proxy) {
  const api = new Api(proxy);
  const seen = { well: 0, failures: [] };
  let over = false;
  const publish = () => api.publish('chat:traffic', 'x');
  const visit = async () => (await Socket.follow(proxy.wss(''), ['chat:traffic'], { ca: proxy.ca })).destroy();
  const ends = [publish, visit].map(async (act) => {
    while (!over) {
      await act().then(() => (seen.well += 1), (error) => seen.failures.push(error));
      await new Promise((resolve) => setTimeout(resolve, 10)); // others need the machine too
    }
  });
  const stop = async () => {
    over = true;
    await Promise.all(ends);
    return seen;
  };
  remember(stop); // a test that fails does not get there
  return { stop };
}

const PROXIES = [
  { name: 'HAProxy', start: haproxy, asksNodes: true, protocol: 'h2' },
  { name: 'nginx', start: nginx, asksNodes: false, protocol: 'http/1.1' },
];

for (const { name, start, asksNodes, protocol } of PROXIES) {
  describe(`behind ${name}`, () => {
    let nodes = [];
    let proxy;
    before(async () => {
      nodes = await startNodes();
      proxy = await start(nodes);
      if (asksNodes) await until(async () => (await up()).length === NODES, 'all nodes are up');
    });
    after(async () => {
      await closeAll();
      await proxy?.stop();
      await endNodes(nodes);
    });

    /** The names of the nodes that are sent clients. */
    async function up() {
      return Object.entries(await states(proxy))
        .filter(([, state]) => state.startsWith('UP'))
        .map(([server]) => server);
    }

    it('plain sockets go through', async () => {
      const socket = await Socket.follow(proxy.wss(''), ['chat:plain'], { ca: proxy.ca });
      socket.send({ id: 1, publish: { channel: 'chat:plain', data: 'x'.repeat(60_000) } });
      const big = await socket.frames.take((text) => text.length > 60_000, 'large publication');
      assert.equal(JSON.parse(big).pub.data.length, 60_000);
      await socket.close();
    });

    for (const encoding of ENCODINGS) {
      it(`SDKs go through, ${encoding.name}`, async () => {
        const sdk = await visitor(proxy, encoding);
        const sub = await subscribed(sdk, 'chat:sdk');
        await sub.publish(encoding.encode('hello'));
        assert.equal(encoding.decode((await sub.events.publication.next()).data), 'hello');
        sdk.disconnect();
      });
    }

    it('rooms go through, although their path begins as that of the server API', async () => {
      const socket = await Socket.open(proxy.wss('/api/v1/ws/tea/7'), { ca: proxy.ca });
      assert.equal((await socket.json('arrival')).message, 'User 7 connected to room - tea');
      await socket.close();
    });

    it('events go through one by one, when they come', async () => {
      const events = curlEvents(proxy.https('/sse?channels=chat:sse'), [], ['--cacert', proxy.certificate]);
      await events.next('greeting');
      await events.next('subscription');
      for (const n of [1, 2, 3]) {
        for (const node of nodes) await node.api.publish('chat:sse', n);
        assert.equal((await events.next(`event ${n}`)).data.pub.data, n);
      }
      events.stop();
    });

    // A browser that has its page over HTTP/2 may ask for its WebSockets there too (RFC 8441).
    it(`browsers go through, with a page over ${protocol}`, async () => {
      const tab = await page(proxy.https('/'), { ignoreHTTPSErrors: true });
      const heard = await tab.evaluate(async () => {
        const message = (source) =>
          new Promise((resolve, reject) => {
            source.onmessage = ({ data }) => resolve(JSON.parse(data));
            source.onerror = () => reject(new Error(`${source.url} failed`));
          });
        const greeting = message(new EventSource('/sse?channels=chat:browser'));
        const socket = new WebSocket(`wss://${location.host}/ws?channels=chat:browser`);
        return {
          page: performance.getEntriesByType('navigation')[0].nextHopProtocol,
          greetings: [await message(socket), await greeting].map(({ connect }) => typeof connect.client),
        };
      });
      assert.deepEqual(heard, { page: protocol, greetings: ['string', 'string'] });
      await tab.context().close();
    });

    it('the application reaches the server API from inside, and nobody does from outside', async () => {
      const api = new Api(proxy);
      const placed = await api.publishAll('chat:api', Array.from({ length: 20 }, () => 'x'.repeat(50_000)));
      assert.equal(placed.length, 20);
      assert.equal((await api.post('info', '{}', { 'X-API-Key': 'wrong' })).status, 401);
      for (const path of ['/api/info', '/api/publish', '/api/', '/message']) {
        assert.equal(await statusOf(proxy, path, '-X', 'POST'), 404, path);
      }
    });

    it('who comes without TLS is shown the way', async () => {
      const answer = await fetch(`http://${proxy.plain('/ws')}`, { redirect: 'manual' });
      assert.ok([301, 302].includes(answer.status), `${answer.status}`);
      assert.match(answer.headers.get('location'), /^https:\/\//);
    });

    it('a node that leaves turns red first, and its clients move to the others', async () => {
      // Those of earlier tests count for the proxy as long as they are not gone.
      const clientsOf = async (node) => (await node.api.call('info')).nodes[0].num_clients;
      await until(async () => (await Promise.all(nodes.map(clientsOf))).every((count) => count === 0), 'nobody is here');
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => visitor(proxy)));
      const [leaving, ...staying] = nodes;
      const moving = await on(leaving, clients);
      const others = clients.filter((sdk) => !moving.includes(sdk));
      assert.equal(moving.length, CLIENTS / NODES, 'clients are spread evenly');

      const passing = traffic(proxy);
      leaving.signal('SIGTERM');
      await until(async () => (await fetch(leaving.admin('/ready'))).status === 503, '/ready is red');
      assert.deepEqual(clients.filter(sentAway), [], 'nobody was sent away yet');
      await (await Socket.follow(leaving.ws(''), ['chat:late'])).close(); // whoever still comes is served

      if (asksNodes) {
        await until(async () => (await up()).length === NODES - 1, 'the node is marked down');
        assert.deepEqual(clients.filter(sentAway), [], 'nobody was sent away yet');
        const newcomers = await Promise.all(Array.from({ length: NODES }, () => visitor(proxy)));
        assert.deepEqual(await on(leaving, newcomers), [], 'new clients go to the others');
        assert.deepEqual(clients.filter(sentAway), [], 'nobody was sent away yet');
        others.push(...newcomers);
      }

      for (const sdk of moving) {
        await sdk.events.connecting.take(({ code }) => code === GOODBYE, 'goodbye');
        await back(sdk);
        assert.equal(sentAway(sdk), 0, 'it was moved once');
        assert.deepEqual(sdk.events.error.waiting, [], 'and met no error');
      }
      assert.equal(await leaving.ended(), 0);
      leaving.assertQuiet();
      others.push(await visitor(proxy)); // who comes now does not meet it either
      assert.deepEqual(others.filter(sentAway), [], 'clients of other nodes noticed nothing');
      await everybodyHears(staying, [...moving, ...others], 'after the move');

      await leaving.again();
      const found = async () => {
        others.push(await visitor(proxy));
        return (await on(leaving, others)).length > 0;
      };
      await until(found, 'the node that came back is sent clients again');
      await everybodyHears(nodes, [...moving, ...others], 'three again');
      const { well, failures } = await passing.stop();
      assert.deepEqual(failures, [], 'no request and no visit failed');
      assert.ok(well > 100, `${well} of them`);
      await closeAll();
    });

    it('clients of a node that is killed come back on the others', async () => {
      await until(async () => (await Promise.all(nodes.map(present))).flat().length === 0, 'nobody is here');
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => visitor(proxy)));
      const [, killed] = nodes;
      const moving = await on(killed, clients);
      assert.ok(moving.length > 0);
      await killed.crash();
      for (const sdk of moving) {
        await sdk.events.connecting.next('the connection broke');
        await back(sdk);
      }
      const others = clients.filter((sdk) => !moving.includes(sdk));
      assert.deepEqual(others.filter(sentAway), [], 'clients of other nodes noticed nothing');
      await everybodyHears(nodes.filter((node) => node !== killed), clients, 'after the crash');
      await closeAll();
      await killed.again();
    });

    if (asksNodes) {
      it('a proxy without a certificate serves clients without TLS', async () => {
        const bare = await haproxy(nodes, { secure: false });
        try {
          const socket = await Socket.follow(`ws://${bare.plain('')}`, ['chat:bare']);
          assert.equal(await fetch(`http://${bare.plain('/api/info')}`).then((answer) => answer.status), 404);
          await socket.close();
          assert.match(await (await fetch(`http://127.0.0.1:${bare.ports.status}/metrics`)).text(), /^haproxy_/m);
        } finally {
          await bare.stop();
        }
      });
    }
  });
}
