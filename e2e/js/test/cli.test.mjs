// The command line: what it prints, and how it fails.

import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';

import { BINARY, shell, trunkline } from '../harness/binary.mjs';
import { API_KEY, TOKEN_SECRET, configuration, file, scratch } from '../harness/configuration.mjs';
import { Mailbox, until, within } from '../harness/deadline.mjs';
import { remember } from '../harness/opened.mjs';
import { Server } from '../harness/server.mjs';
import { serving } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

const COMMANDS = ['serve', 'publish', 'subscribe', 'token', 'repair', 'init', 'check-config', 'bench', 'completions', 'redis-script'];

let place;
before(async () => {
  place = await scratch();
});
after(() => place.remove());

/** Asserts the one way in which commands fail: exit code 2 and one line on stderr that says why. */
function assertRefused(outcome, why) {
  const lines = outcome.stderr.trimEnd().split('\n');
  assert.equal(outcome.code, 2, outcome.stderr);
  assert.equal(lines.length, 1, outcome.stderr);
  assert.match(lines[0], why);
}

describe('help', () => {
  it('lists the commands and shows an example for each', async () => {
    const help = await trunkline(['--help']);
    assert.equal(help.code, 0);
    for (const command of COMMANDS) {
      assert.match(help.stdout, new RegExp(`^\\s+${command}\\b`, 'm'));
      const own = await trunkline([command, '--help']);
      assert.equal(own.code, 0);
      assert.match(own.stdout, new RegExp(`trunkline ${command}`), command);
      assert.match(own.stdout, /example/i, command);
    }
  });

  it('knows its version', async () => {
    assert.match((await trunkline(['--version'])).stdout, /^trunkline \d+\.\d+\.\d+/);
  });

  it('completes in the usual shells', async () => {
    for (const name of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await trunkline(['completions', name]);
      assert.equal(code, 0);
      assert.match(stdout, /check-config/);
    }
    const bash = await trunkline(['completions', 'bash']);
    assert.equal((await shell('bash -n', { input: bash.stdout })).code, 0);
  });
});

describe('a start that cannot be', () => {
  const serve = async (text, args = []) =>
    trunkline(['serve', '--config', await file(place.folder, 'bad.toml', text), ...args]);

  it('names an unknown key and the nearest known one', async () => {
    assertRefused(await serve('[server]\nlisten_ = "127.0.0.1:0"\n'), /listen_.*`?listen`?/);
    assertRefused(await serve('[serve]\nlisten = "127.0.0.1:0"\n'), /serve.*server/);
    assertRefused(await serve('[[namespaces]]\nname = "x"\nhistroy_size = 1\n'), /histroy_size.*history_size/);
    const good = await file(place.folder, 'ok.toml', configuration());
    const env = { TRUNKLINE_SERVER__LISTN: 'x' };
    assertRefused(await trunkline(['check-config', '--config', good], { env }), /LISTN.*LISTEN/i);
  });

  it('says what is wrong with a value', async () => {
    assertRefused(await serve('[server]\nlisten = "nowhere"\n'), /listen|nowhere/);
    assertRefused(await serve('[server\n'), /bad\.toml|line 1/);
    assertRefused(await serve(configuration({ limits: { message_bytes: 'lots' } })), /message|lots/);
    assertRefused(await serve(configuration({ namespaces: [{ name: 'a:b' }] })), /a:b/);
    assertRefused(await serve(configuration({ namespaces: [{ name: 'x' }, { name: 'x' }] })), /x/);
  });

  it('names a file that is not there, is a folder, or is not text', async () => {
    assertRefused(await trunkline(['serve', '--config', path.join(place.folder, 'none.toml')]), /none\.toml/);
    await mkdir(path.join(place.folder, 'folder.toml'));
    assertRefused(await trunkline(['serve', '--config', path.join(place.folder, 'folder.toml')]), /folder\.toml/);
    const binary = path.join(place.folder, 'binary.toml');
    await writeFile(binary, Buffer.from([0xff, 0xfe, 0x00]));
    assertRefused(await trunkline(['serve', '--config', binary]), /binary\.toml/);
  });

  it('names a file that cannot be read', async () => {
    // Root may read every file, but nobody what this one has at its beginning.
    assertRefused(await trunkline(['serve', '--config', '/proc/self/mem']), /\/proc\/self\/mem/);
  });

  it('names a certificate it cannot read', async () => {
    const tls = { cert_file: '/nowhere/cert.pem', key_file: '/nowhere/key.pem' };
    assertRefused(await serve(configuration({ server: { tls } })), /cert\.pem/);
  });

  it('names a port that is in use', async () => {
    const holder = net.createServer();
    await new Promise((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const taken = `127.0.0.1:${holder.address().port}`;
    for (const [listen, admin] of [[taken, '127.0.0.1:0'], ['127.0.0.1:0', taken]]) {
      const args = ['serve', '--dev', '--listen', listen, '--admin-listen', admin];
      assertRefused(await trunkline(args), new RegExp(taken));
    }
    holder.close();
  });

  it('refuses what is not safe', async () => {
    assertRefused(await serve(configuration({ server: { listen: '0.0.0.0:0' } })), /allow_public|tls/i);
    assertRefused(await trunkline(['serve', '--dev', '--listen', '0.0.0.0:0']), /loopback/);
  });

  it('wants a configuration without --dev', async () => {
    assertRefused(await trunkline(['serve'], { cwd: place.folder }), /--dev|init|config/);
  });

  it('refuses the unknown', async () => {
    for (const args of [['dance'], ['serve', '--danse'], ['publish'], ['completions', 'cobol']]) {
      assertRefused(await trunkline(args), /dance|danse|CHANNEL|cobol/);
    }
  });
});

describe('init, check-config, serve', () => {
  it('write, check and run one file', async () => {
    const { folder, remove } = await scratch();
    const config = path.join(folder, 'trunkline.toml');
    const made = await trunkline(['init'], { cwd: folder });
    assert.equal(made.code, 0, made.stderr);
    const text = await readFile(config, 'utf8');
    assert.match(text, /^# /m, 'it explains itself');
    assert.equal((await stat(config)).mode & 0o077, 0, 'secrets are for the owner only');
    const [, secret] = /hmac_secret = "([^"]+)"/.exec(text);
    assert.ok(secret.length >= 32);

    assertRefused(await trunkline(['init'], { cwd: folder }), /trunkline\.toml/);
    assert.equal(await readFile(config, 'utf8'), text, 'a second init changes nothing');

    const checked = await trunkline(['check-config', '--config', config]);
    assert.equal(checked.code, 0, checked.stderr);

    const args = ['--admin-listen', '127.0.0.1:0'];
    const server = await Server.start({ config: text, listen: '127.0.0.1:0', args });
    const token = await trunkline(['token', '--user', 'ann', '--config', config]);
    assert.equal(token.code, 0, token.stderr);
    const socket = await Socket.open(server.ws(`/ws?token=${token.stdout.trim()}`));
    assert.ok((await socket.json()).connect.client);
    socket.destroy();
    await server.stop();
    await remove();
  });

  it('makes different secrets each time', async () => {
    const secrets = new Set();
    for (const _ of [1, 2]) {
      const { folder, remove } = await scratch();
      await trunkline(['init'], { cwd: folder });
      const text = await readFile(path.join(folder, 'trunkline.toml'), 'utf8');
      for (const [, secret] of text.matchAll(/"([\w-]{32,})"/g)) secrets.add(secret);
      await remove();
    }
    assert.equal(secrets.size, 4, 'a token secret and an API key each');
  });
});

describe('publish and subscribe', () => {
  const group = serving();
  const url = () => group.server.http('');

  /** `trunkline subscribe` in the background; its output by lines. */
  const subscriber = (args) => {
    const child = spawn(BINARY, ['subscribe', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    remember(() => child.kill());
    const lines = new Mailbox('output of subscribe');
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      parts.forEach((line) => lines.put(line));
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    return { child, lines, ended };
  };
  const present = async (channel) => {
    const { num_clients: clients } = await group.api.call('presence_stats', { channel });
    return clients > 0;
  };

  it('carry a message from one terminal to another', async () => {
    const listening = subscriber(['--url', url(), 'chat:cli', 'chat:cli-2']);
    await until(() => present('chat:cli-2'), 'the subscriber is in the channel');
    const sent = await trunkline(['publish', '--url', url(), '--api-key', API_KEY, 'chat:cli', '{"n":1}']);
    assert.equal(sent.code, 0, sent.stderr);
    const line = await listening.lines.take((text) => text.includes('"n":1'), 'the message');
    assert.match(line, /chat:cli/);
    const again = await trunkline(['publish', 'chat:cli-2', '"from the environment"'], {
      env: { TRUNKLINE_URL: url(), TRUNKLINE_API_KEY: API_KEY },
    });
    assert.equal(again.code, 0, again.stderr);
    await listening.lines.take((text) => text.includes('from the environment'), 'the second message');
    listening.child.kill('SIGINT');
    await within(listening.ended, 'end of subscribe');
  });

  it('say in one line why they cannot', async () => {
    const publish = (at, key, channel) => trunkline(['publish', '--url', at, '--api-key', key, channel, '1']);
    assertRefused(await publish(url(), 'wrong', 'chat:cli'), /API key/);
    assertRefused(await publish(url(), API_KEY, 'x'.repeat(300)), /channel/);
    const nobody = net.createServer();
    await new Promise((resolve) => nobody.listen(0, '127.0.0.1', resolve));
    const { port } = nobody.address();
    await new Promise((resolve) => nobody.close(resolve));
    const dead = `http://127.0.0.1:${port}`;
    assertRefused(await publish(dead, API_KEY, 'chat:cli'), new RegExp(String(port)));
    assertRefused(await trunkline(['subscribe', '--url', dead, 'chat:cli']), new RegExp(String(port)));
  });
});

describe('token', () => {
  const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  const make = (args) => trunkline(['token', ...args], { env: { TRUNKLINE_TOKEN__HMAC_SECRET: TOKEN_SECRET } });

  it('makes connection and subscription tokens with a lifetime', async () => {
    const plain = claimsOf((await make(['--user', 'ann', '--ttl', '1h'])).stdout.trim());
    assert.equal(plain.sub, 'ann');
    assert.ok(Math.abs(plain.exp - Date.now() / 1000 - 3600) < 60);
    const channel = claimsOf((await make(['--user', 'ann', '--channel', 'chat:1'])).stdout.trim());
    assert.deepEqual([channel.sub, channel.channel], ['ann', 'chat:1']);
  });

  it('says what it lacks', async () => {
    assertRefused(await trunkline(['token', '--user', 'ann'], { cwd: place.folder }), /secret|config/);
    assert.equal((await make([])).code, 2);
    assertRefused(await make(['--user', 'ann', '--ttl', 'soon']), /soon|ttl/);
  });
});
