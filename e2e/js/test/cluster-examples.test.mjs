// The examples on three nodes behind HAProxy, each started by its one command.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { BINARY, ROOT, run, shell } from '../harness/binary.mjs';
import { page } from '../harness/browser.mjs';
import { scratch } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { Drawer, beBrowser } from '../harness/drawer.mjs';
import { Example } from '../harness/example.mjs';
import { closeAll } from '../harness/opened.mjs';
import { Socket } from '../harness/socket.mjs';
import { Whiteboard, strokes } from '../harness/whiteboard.mjs';

describe('several nodes with one command', () => {
  for (const name of ['rooms', 'whiteboard', 'notifications', 'systems', 'webhook']) {
    const script = path.join(ROOT, 'examples', name, 'run');

    it(`${name}: says what is missing`, async () => {
      const needed = ['bash', 'curl', 'dirname', 'env', 'node', 'npm', 'python3'];
      const { stdout: links } = await shell(needed.map((program) => `command -v ${program}`).join(';'));
      const { folder, remove } = await scratch();
      await run('ln', ['-s', ...links.trim().split('\n'), folder]);
      const { code, stderr } = await run(script, ['--nodes', '3'], { env: { PATH: folder, TRUNKLINE_BIN: BINARY } });
      await remove();
      assert.equal(code, 2);
      assert.match(stderr, /several nodes need redis-server.*: apt-get install redis-server/);
    });

    it(`${name}: says what it is and what moves its ports`, async () => {
      const { code, stdout } = await run(script, ['--help']);
      assert.equal(code, 0);
      assert.match(stdout, /run --nodes 3.*NODE_PORT/s);
    });

    it(`${name}: refuses what it has no places for`, async () => {
      const { code, stderr } = await run(script, ['--nodes', '4'], { env: { TRUNKLINE_BIN: BINARY } });
      assert.equal(code, 2);
      assert.match(stderr, /usage: .* \[--nodes 3\]/);
    });
  }
});

describe('rooms on three nodes', () => {
  let example;

  before(async () => {
    example = await Example.start('rooms', { args: ['--nodes', '3'] });
  });

  after(async () => {
    await closeAll();
    await example?.stop();
    await example?.remove();
  });

  it('everybody is in one room, whichever node HAProxy has chosen', async () => {
    const hears = (tab, text) => tab.locator('#log', { hasText: text }).waitFor();
    const ann = await page(`${example.address}#report/1`);
    await hears(ann, 'User 1 connected to room - report');
    const members = [];
    for (const user of [2, 3, 4]) {
      members.push(await Socket.open(`ws://127.0.0.1:${example.nodePort}/api/v1/ws/report/${user}`));
      await hears(ann, `User ${user} connected to room - report`);
    }
    members[2].send('from a program');
    await hears(ann, 'from a program');
    const headers = { 'X-API-Key': 'rooms-example-key' };
    const body = JSON.stringify({ channel: 'rooms:report', data: 'The report was saved.' });
    await fetch(`http://127.0.0.1:${example.apiPort}/api/publish`, { method: 'POST', headers, body });
    for (const text of ['from a program', 'The report was saved.']) {
      for (const member of members) {
        await member.frames.take((frame) => JSON.parse(frame).message === text, text);
      }
    }
    await hears(ann, 'The report was saved.');
    members[0].destroy();
    await hears(ann, 'User 2 disconnected from room - report');
    assert.deepEqual(ann.errors, []);
  });
});

describe('the whiteboard on three nodes', () => {
  let example;
  before(async () => {
    example = await Whiteboard.start({ args: ['--nodes', '3'] });
    beBrowser(`http://127.0.0.1:${example.pagePort}/`);
  });
  after(async () => {
    await closeAll();
    await example?.stop();
    await example?.remove();
  });

  it('nine people see one picture, though a node is killed in the middle of a stroke', async (t) => {
    const board = 'nine';
    const users = Array.from({ length: 9 }, (_, n) => `person-${n}`);
    const people = [];
    for (const user of users) {
      people.push(new Drawer(board, `127.0.0.1:${example.nodePort}`, user));
      await people.at(-1).is('connected');
    }
    await until(() => people.every((person) => person.people?.length === users.length), 'all see all');

    const each = 20;
    const work = new Map(people.map((person, n) => [person, strokes(n + 1, 3 * each)]));
    const draw = (part) => work.forEach((list, person) => person.draw(list.slice(part * each, (part + 1) * each)));
    draw(0);
    for (const person of people) await person.sees(9 * each);
    for (const [person, list] of work) person.pen(list[each]);
    await until(() => people.every(({ previews }) => previews > 0), 'strokes grow under pens');
    draw(1);
    await people[0].sees(10 * each);
    const there = await example.clientsOf('node2');
    example.killNode('node 2');
    await until(() => people.some(({ received }) => received.length > 1), 'some come back');
    draw(2);
    const all = 27 * each;
    // A stroke whose acknowledgement died with the node may be in the stream twice, and counts once.
    const counts = () => people.map(({ session }) => session.board.strokes.length);
    await until(() => counts().every((count) => count === all), 'all strokes are on all boards');
    const last = Math.max(...people.map(({ offset }) => offset));
    for (const person of people) await person.sees(last);

    // The backend, which follows the board too, may be one of them.
    const moved = people.filter(({ received }) => received.length > 1).length;
    assert.ok(there >= 3 && moved >= there - 1, `${moved} moved, ${there} were on that node`);
    t.diagnostic(`${moved} of ${users.length} people moved`);
    for (const { received, user } of people) {
      const whole = Array.from({ length: last }, (_, n) => n + 1);
      assert.deepEqual(received.flat(), whole, `${user} received everything, once and in order`);
    }
    assert.deepEqual(people.flatMap(({ notices }) => notices), []);

    const pictures = people.map((person) => person.picture());
    assert.deepEqual(new Set(pictures).size, 1, 'one picture');
    const late = await example.enter(board);
    await late.is('connected');
    await late.sees(last);
    const { hash, drawn } = await late.picture();
    assert.ok(drawn > 0);
    assert.equal(hash, pictures[0], 'to the last pixel, in a browser too');
    assert.deepEqual(late.tab.errors, []);
    await example.again('node 2', 2);
  });
});
