// The real HAProxy and the real nginx, with the very files of `deploy/`, before nodes under test.

import assert from 'node:assert/strict';
import { chmod, readFile } from 'node:fs/promises';
import path from 'node:path';

import { ROOT, run } from './binary.mjs';
import { certificate } from './certificate.mjs';
import { file, scratch } from './configuration.mjs';
import { freePorts } from './ports.mjs';
import { Program } from './program.mjs';

const HAPROXY = path.join(ROOT, 'deploy/haproxy/haproxy.cfg');
const NGINX = path.join(ROOT, 'deploy/nginx/nginx.conf');

/** Where Debian has them, which is on nobody's path but the administrator's. */
const PATH = `${process.env.PATH}:/usr/sbin`;

/**
 * A proxy as clients and the application meet it: `wss(path)` and `https(path)` for clients, who
 * trust `ca` (a PEM) or `certificate` (its file); `plain(path)` without TLS; `http(path)` for the
 * application, so that it may stand where `Api` wants a server.
 */
class Proxy {
  constructor(program, place, ports, made) {
    Object.assign(this, { program, place, ports, ca: made?.pem, certificate: made?.cert });
  }

  wss(path) {
    return `wss://localhost:${this.ports.tls}${path}`;
  }

  https(path) {
    return `https://localhost:${this.ports.tls}${path}`;
  }

  plain(path) {
    return `127.0.0.1:${this.ports.plain}${path}`;
  }

  http(path) {
    return `http://127.0.0.1:${this.ports.application}${path}`;
  }

  async stop() {
    try {
      await this.program.stop();
    } finally {
      await this.place.remove();
    }
  }
}

async function ports() {
  const [tls, plain, application, status] = await freePorts(4);
  return { tls, plain, application, status };
}

/** HAProxy before `nodes`; `secure` is whether it has a certificate. */
export async function haproxy(nodes, { secure = true } = {}) {
  const place = await scratch();
  const at = await ports();
  const env = { PATH, CONNECTIONS: '500' };
  nodes.forEach((node, nth) => {
    env[`NODE${nth + 1}`] = node.listen;
    env[`NODE${nth + 1}_ADMIN`] = node.adminListen.split(':').pop();
  });
  env.CLIENTS = `127.0.0.1:${at.plain}`;
  env.APPLICATION = `127.0.0.1:${at.application}`;
  env.STATUS = `127.0.0.1:${at.status}`;
  let made;
  if (secure) {
    made = await certificate(place.folder);
    const both = Buffer.concat([made.pem, await readFile(made.key)]);
    env.CLIENTS_TLS = `127.0.0.1:${at.tls}`;
    env.CERTIFICATE = await file(place.folder, 'both.pem', both);
  }
  const checked = await run('haproxy', ['-c', '-f', HAPROXY], { env });
  assert.equal(checked.code, 0, checked.stderr);
  assert.doesNotMatch(checked.stderr, /WARNING|ALERT/);
  const listening = Object.values(at).filter((port) => secure || port !== at.tls);
  const program = await Program.start('haproxy', ['-db', '-f', HAPROXY], listening, { env });
  return new Proxy(program, place, at, made);
}

/** What HAProxy's checks have found out: UP, DOWN, or on the way, by the name of the server. */
export function states(proxy) {
  return column(proxy, 'status');
}

/** One of the things that HAProxy tells of each server, by the name of the server. */
export async function column(proxy, wanted) {
  const answer = await fetch(`http://127.0.0.1:${proxy.ports.status}/;csv`);
  const [head, ...lines] = (await answer.text()).trim().split('\n').map((line) => line.split(','));
  const [name, server, value] = ['# pxname', 'svname', wanted].map((key) => head.indexOf(key));
  const nodes = lines.filter((line) => line[name] === 'nodes' && line[server] !== 'BACKEND');
  return Object.fromEntries(nodes.map((line) => [line[server], line[value]]));
}

/** nginx before `nodes`: it knows no variables, so that the addresses in its file are replaced. */
export async function nginx(nodes) {
  const place = await scratch();
  const at = await ports();
  const made = await certificate(place.folder);
  let text = await readFile(NGINX, 'utf8');
  const replace = (old, fresh) => {
    assert.equal(text.split(old).length, 2, `${old} stands once in nginx.conf`);
    text = text.replace(old, fresh);
  };
  nodes.forEach((node, nth) => replace(`server 127.0.0.1:800${nth + 1} `, `server ${node.listen} `));
  replace('listen 443 ssl;', `listen 127.0.0.1:${at.tls} ssl;`);
  replace('listen 80;', `listen 127.0.0.1:${at.plain};`);
  replace('listen 127.0.0.1:8080;', `listen 127.0.0.1:${at.application};`);
  replace('/etc/nginx/trunkline.crt', made.cert);
  replace('/etc/nginx/trunkline.key', made.key);
  // The defaults of where bodies are kept belong to the system's own nginx.
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = kinds.map((kind) => `${kind}_temp_path ${path.join(place.folder, kind)};`);
  replace('http {\n', `http {\n    ${temporary.join('\n    ')}\n`);
  const config = await file(place.folder, 'nginx.conf', text);
  await chmod(place.folder, 0o755); // for the workers, who are nobody
  const globals = `pid ${path.join(place.folder, 'pid')};`;
  const args = ['-e', 'stderr', '-p', place.folder, '-c', config];
  const env = { PATH };
  const checked = await run('nginx', [...args, '-t', '-g', globals], { env });
  assert.equal(checked.code, 0, checked.stderr);
  const listening = [at.tls, at.plain, at.application];
  const foreground = [...args, '-g', `daemon off; ${globals}`];
  const program = await Program.start('nginx', foreground, listening, { env });
  return new Proxy(program, place, at, made);
}
