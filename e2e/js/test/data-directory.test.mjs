// The data directory: one process at a time, damage, repair, a copy from before, a full disk.

import assert from 'node:assert/strict';
import { cp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'node:test';

import { run, trunkline } from '../harness/binary.mjs';
import { openTo, scratch } from '../harness/configuration.mjs';
import { Network } from '../harness/network.mjs';
import { comeBack } from '../harness/position.mjs';
import { ENCODINGS, away, connected, received, subscribed } from '../harness/sdk.mjs';
import { against } from '../harness/serving.mjs';
import { Socket } from '../harness/socket.mjs';

const STREAM = { recovery: true, history_size: 10_000, history_ttl: '1h' };
const CONFIG = openTo({ stream: STREAM, big: { ...STREAM, history_bytes: '1GiB' } });

/** What was refused: exit code 2 and, after whatever was logged, one line that says what it must. */
function assertRefused({ code, stderr }, ...wanted) {
  assert.equal(code, 2, stderr);
  const lines = stderr.trim().split('\n').filter((line) => !/^\d{4}-.* (INFO|WARN) /.test(line));
  assert.equal(lines.length, 1, stderr);
  for (const pattern of [/^trunkline: /, ...wanted]) assert.match(lines[0], pattern);
}

const repair = (server, ...more) =>
  trunkline(['repair', '--data-dir', server.dataDir, ...more]);

/** Every place of `text` in the files whose names end in `kind`. */
async function find(server, kind, text) {
  const found = [];
  for (const entry of await readdir(server.dataDir, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    if (!entry.isFile() || !entry.name.endsWith(kind)) continue;
    const bytes = await readFile(file);
    for (let offset = bytes.indexOf(text); offset >= 0; offset = bytes.indexOf(text, offset + 1)) {
      found.push({ file, offset });
    }
  }
  return found;
}

describe('a data directory', () => {
  it('is had by one process at a time', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      await api.publish('stream:a', 1);
      assertRefused(await server.startAndEnd(), /trunkline-data/, /another process/);
      assertRefused(await repair(server), /trunkline-data/, /another process/);
      assert.equal((await api.publish('stream:a', 2)).offset, 2, 'the first one is not disturbed');
    });
  });

  it('is named by --data-dir too, with --dev', async (test) => {
    const { folder, remove } = await scratch();
    test.after(remove);
    const args = ['--data-dir', path.join(folder, 'here')];
    await against({ args }, async (server, api) => {
      const place = await api.publish('chat:a', 1);
      await server.crash();
      await server.again();
      assert.deepEqual(await api.top('chat:a'), place);
    });
  });

  it('that was torn at the end is cut there, and the node says so', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      const places = await api.publishAll('stream:torn', ['first', 'second']);
      const last = await api.publish('stream:torn', 'torn-in-the-middle');
      await server.crash();
      const [{ file, offset }] = await find(server, '.wal', 'torn-in-the-middle');
      await overwrite(file, offset, Buffer.alloc(64)); // what was never written reads as zeros
      await server.again();
      assert.deepEqual(await api.top('stream:torn'), places[1]);
      assert.match(server.stderr, /WARN|warn/);
      const { back } = await comeBack(server, 'stream:torn', last);
      assert.deepEqual([back.recovered, back.gap], [undefined, { reason: 'forked' }]);
    });
  });

  it('that is damaged in the middle is refused; repaired, it serves what is left and tells the others', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      const whole = await api.publish('stream:whole', 1);
      const clients = [];
      for (const encoding of ENCODINGS) {
        const network = await Network.to(server.port);
        const sdk = await connected(encoding, network.ws('/connection/websocket'));
        clients.push({ encoding, network, sub: await subscribed(sdk, 'stream:cut') });
      }
      const kept = await api.publish('stream:cut', 'kept');
      const early = clients.pop(); // knows only what will be left
      await received(early.encoding, early.sub, 1);
      early.network.down();
      await away(early.sub);
      const lost = await api.publish('stream:cut', 'flip-a-byte-of-this');
      const lostToo = await api.publish('stream:cut', 'and lose this');
      await api.publish('stream:whole', 2);
      const [late] = clients;
      await received(late.encoding, late.sub, 3);
      late.network.down();
      await away(late.sub);
      await server.crash();

      const [{ file, offset }] = await find(server, '.wal', 'flip-a-byte-of-this');
      await flip(file, offset);
      const name = new RegExp(path.basename(file).replaceAll('.', '\\.'));
      assertRefused(await server.startAndEnd(), name, /trunkline repair/);
      assertRefused(await server.startAndEnd(), name, /trunkline repair/);

      const repaired = await repair(server);
      assert.equal(repaired.code, 0, repaired.stderr);
      assert.match(repaired.stdout, /\S/);
      await server.again();
      const { publications } = await api.call('history', { channel: 'stream:cut', limit: 10 });
      assert.deepEqual(publications.map((p) => p.data), ['kept']);
      const next = await api.publish('stream:cut', 'another second');
      assert.equal(next.offset, 2);
      assert.notEqual(next.tag, lost.tag);

      for (const place of [lost, lostToo, { ...lost, tag: undefined }]) {
        const { back } = await comeBack(server, 'stream:cut', place);
        assert.deepEqual([back.was_recovering, back.recovered, back.gap], [true, undefined, { reason: 'forked' }]);
      }
      const { socket, back } = await comeBack(server, 'stream:cut', kept);
      assert.equal(back.recovered, true);
      assert.equal((await socket.json()).pub.data, 'another second');
      const calm = await comeBack(server, 'stream:whole', whole);
      assert.equal(calm.back.recovered, true, 'what it has seen is there');

      late.network.up();
      const told = await late.sub.events.subscribed.next('subscribed again');
      assert.deepEqual([told.wasRecovering, told.recovered], [true, false], 'it had seen what is lost');
      early.network.up();
      const home = await early.sub.events.subscribed.next('subscribed again');
      assert.deepEqual([home.wasRecovering, home.recovered], [true, true], 'it had not');
      assert.deepEqual((await received(early.encoding, early.sub, 1)).texts, ['another second']);
    });
  });

  it('whose index is damaged stops the node; repaired, those who miss something are told', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      const place = await api.publish('stream:cold', 'flip-a-byte-of-this');
      const other = await api.publish('stream:other', 'whole');
      await server.end();
      const found = await find(server, '.redb', 'flip-a-byte-of-this');
      assert.ok(found.length > 0, 'it was moved to the index when the node ended');
      for (const { file, offset } of found) await flip(file, offset);
      const said = /^trunkline: .*index\.redb.*`trunkline repair`/m;
      // It is noticed when the index is opened, or when that place is read.
      const refused = await server.again().then(() => undefined, (error) => error);
      if (refused) {
        assert.match(refused.message, /\(2\)/);
      } else {
        assert.equal(await api.errorCode('history', { channel: 'stream:cold', limit: 1 }), 100);
        assert.equal(await server.ended(), 1, 'it does not go on with what it cannot trust');
      }
      assert.match(server.stderr, said);

      const repaired = await repair(server);
      assert.equal(repaired.code, 0, repaired.stderr);
      await server.again();
      assert.equal((await api.call('history', { channel: 'stream:cold', limit: 1 })).publications.length, 0);
      const { back } = await comeBack(server, 'stream:cold', { ...place, offset: 0, tag: undefined });
      assert.deepEqual([back.was_recovering, back.recovered], [true, undefined]);
      assert.match(back.gap.reason, /^(trimmed|forked|epoch_changed)$/);
      const rest = await comeBack(server, 'stream:other', { ...other, offset: 0, tag: undefined });
      if (rest.back.recovered) assert.equal((await rest.socket.json()).pub.data, 'whole');
      else assert.ok(rest.back.gap.reason, 'told, where it could not be saved');
    });
  });

  /** Publishes 'one' and 'two', goes on to 'four', and brings the directory of before back. */
  async function bringBack(server, api, channel) {
    const places = await api.publishAll(channel, ['one', 'two']);
    await server.end();
    const copy = path.join(server.folder, 'copy');
    await cp(server.dataDir, copy, { recursive: true });
    await server.again();
    places.push(...(await api.publishAll(channel, ['three', 'four'])));
    await server.end();
    await server.forget();
    await cp(copy, server.dataDir, { recursive: true });
    return places;
  }

  /** Where a client with this position is now, and what it hears first. */
  async function assertAtHome(server, channel, place, next) {
    const { socket, back } = await comeBack(server, channel, place);
    assert.deepEqual([back.recovered, back.gap], [true, undefined]);
    assert.equal((await socket.json()).pub.data, next);
  }

  async function assertForked(server, channel, place) {
    const { back } = await comeBack(server, channel, place);
    assert.deepEqual([back.recovered, back.gap], [undefined, { reason: 'forked' }]);
  }

  it('brought back from a copy does not fool those who can prove that they saw more', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      const [, second, third, fourth] = await bringBack(server, api, 'stream:tags');
      await server.again();
      await api.publishAll('stream:tags', ['other three', 'other four', 'other five']);
      for (const place of [third, fourth]) await assertForked(server, 'stream:tags', place);
      await assertAtHome(server, 'stream:tags', second, 'other three');
    });
  });

  it('brought back from a copy and repaired fools nobody', async () => {
    await against({ config: CONFIG }, async (server, api) => {
      const [, second, third, fourth] = await bringBack(server, api, 'stream:names');
      const repaired = await repair(server, '--from-copy');
      assert.equal(repaired.code, 0, repaired.stderr);
      await server.again();
      const others = await api.publishAll('stream:names', ['other three', 'other four', 'other five']);
      assert.notEqual(others[0].epoch, third.epoch, 'another lineage');
      const nameOnly = (place) => ({ ...place, tag: undefined }); // all that an SDK has
      for (const place of [third, fourth, nameOnly(third), nameOnly(fourth)]) {
        await assertForked(server, 'stream:names', place);
      }
      for (const place of [second, nameOnly(second)]) {
        await assertAtHome(server, 'stream:names', place, 'other three');
      }
    });
  });

  it('that is none cannot be repaired', async () => {
    assertRefused(await trunkline(['repair', '--data-dir', '/nowhere/data']), /\/nowhere\/data/);
    assert.equal((await trunkline(['repair'])).code, 2);
  });

  it('that cannot be made is named', async (test) => {
    const { folder, remove } = await scratch();
    test.after(remove);
    const inTheWay = path.join(folder, 'file');
    await writeFile(inTheWay, '');
    const args = ['--admin-listen', '127.0.0.1:0', '--listen', '127.0.0.1:0', '--data-dir', path.join(inTheWay, 'data')];
    assertRefused(await trunkline(['serve', '--dev', ...args]), /file\/data/);
  });
});

describe('a full disk', () => {
  it('fails publications, keeps what there is, and serves again once there is room', async (test) => {
    const { folder, remove } = await scratch();
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', folder]).catch((error) => error);
    if (mounted.code !== 0) {
      await remove();
      return test.skip(`no file system to fill: ${mounted.stderr ?? mounted.message}`);
    }
    try {
      await against({ config: CONFIG, folder }, async (server, api) => {
        const socket = await Socket.follow(server.ws(''), ['big:a']);
        const first = await api.publish('big:a', 'first');
        const filler = path.join(folder, 'filler');
        await fill(filler);

        const pad = 'x'.repeat(50_000);
        const acknowledged = [first.offset];
        let refusal;
        for (let n = 0; n < 100 && !refusal; n += 1) {
          const commands = Array.from({ length: 40 }, () => ({ publish: { channel: 'big:a', data: pad } }));
          for (const { publish, error } of (await api.call('batch', { commands })).replies) {
            if (publish) acknowledged.push(publish.offset);
            refusal ??= error;
          }
        }
        assert.equal(refusal?.code, 100, 'the disk is full at some time');
        assert.match(refusal.message, /no room to store it/);
        const told = await socket.ask({ id: 1, publish: { channel: 'big:a', data: pad } });
        assert.deepEqual(told.error, { code: 100, message: 'no room to store it', temporary: true });

        const since = { epoch: first.epoch, offset: 0 };
        const page = await api.call('history', { channel: 'big:a', limit: 5, since });
        assert.equal(page.publications[0].data, 'first');
        assert.equal(page.offset, acknowledged.at(-1), 'nothing that was refused is in the stream');
        const { back } = await comeBack(server, 'big:a', { epoch: first.epoch, offset: page.offset });
        assert.equal(back.recovered, true, 'who comes back is served');

        await rm(filler);
        const again = await api.publish('big:a', 'there is room');
        assert.deepEqual([again.epoch, again.offset], [first.epoch, page.offset + 1]);
        await server.crash();
        await server.again();
        const top = await api.top('big:a');
        assert.deepEqual(top, again, 'and it is there after a crash');
      });
    } finally {
      await run('umount', [folder]);
      await remove();
    }
  });
});

/** Writes to a new file until the file system has no room. */
async function fill(name) {
  const file = await open(name, 'w');
  try {
    for (const size of [1 << 20, 1 << 12]) {
      for (;;) {
        const { bytesWritten } = await file.write(Buffer.alloc(size, 1)).catch((error) => {
          assert.equal(error.code, 'ENOSPC');
          return { bytesWritten: 0 };
        });
        if (bytesWritten < size) break;
      }
    }
  } finally {
    await file.close();
  }
}

/** Flips one bit of a file. */
async function flip(name, offset) {
  const byte = (await readFile(name))[offset];
  await overwrite(name, offset, Buffer.from([byte ^ 1]));
}

async function overwrite(name, offset, bytes) {
  const file = await open(name, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}
