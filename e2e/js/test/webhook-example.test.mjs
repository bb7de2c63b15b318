// `examples/webhook`, started by its one command: an application with sessions, and what it and others send
// to its users through any node.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { page } from '../harness/browser.mjs';
import { Example } from '../harness/example.mjs';
import { closeAll } from '../harness/opened.mjs';
import { RawUser } from '../harness/raw.mjs';
import { Socket } from '../harness/socket.mjs';

/** How long pages may take to come back after a node was killed, in ms. */
const BACK_MS = 30_000;

/** How long it may take until the application is told that a node has died, in ms. */
const NODE_LOST_MS = 60_000;

for (const nodes of [1, 2, 3]) {
  describe(`webhook to socket on ${nodes} node${nodes === 1 ? '' : 's'}`, () => {
    let example;
    let key;

    before(async () => {
      example = await Example.start('webhook', { args: ['--nodes', `${nodes}`] });
      const file = await readFile(path.join(example.folder, 'key'), 'utf8');
      key = Object.fromEntries([file.trim().split(': ')]);
    });

    after(async () => {
      await closeAll();
      await example?.stop();
      await example?.remove();
    });

    /** Logs in as a program would; returns the cookie. */
    const cookieOf = async (name) => {
      const headers = { 'Content-Type': 'application/json' };
      const response = await fetch(`${example.address}login`, { method: 'POST', headers, body: JSON.stringify({ name }) });
      assert.equal(response.status, 200);
      return response.headers.get('set-cookie').split(';')[0];
    };
    const post = async (node, userId, message, headers = key) => {
      const options = { method: 'POST', headers, body: JSON.stringify({ userId, message }) };
      return (await fetch(`http://${node}/message`, options)).status;
    };
    const enter = async (name) => {
      const tab = await page(example.address);
      await tab.fill('#name', name);
      await tab.click('text=Log in');
      await tab.locator('#state[data-kind=connected]', { hasText: `Connected as ${name}` }).waitFor();
      return tab;
    };
    const shows = (tab, text, ms) => tab.locator('#log li', { hasText: text }).waitFor({ timeout: ms });
    const speak = async (tab, text) => {
      await tab.fill('#words', text);
      await tab.click('#speak button');
    };

    it('POST /message on any node reaches a user on every node', async () => {
      const places = example.nodes();
      assert.equal(places.length, nodes);
      const cookie = await cookieOf('ann');
      const sockets = [];
      for (const place of places) sockets.push(await RawUser.open(place, { cookie }));
      const other = await RawUser.open(places[0], { cookie: await cookieOf('bob') });
      for (const [nth, place] of places.entries()) {
        assert.equal(await post(place, 'ann', `from node ${nth}, "verbatim" – ü`), 200);
        assert.equal(await post(place, 'ann', { nested: [nth, { a: null }] }), 200);
      }
      const wanted = places.flatMap((_, nth) => [`from node ${nth}, "verbatim" – ü`, JSON.stringify({ nested: [nth, { a: null }] })]);
      for (const socket of sockets) assert.deepEqual(await socket.sees(wanted.length), wanted);
      assert.deepEqual(other.messages, []);
    });

    it('takes a number for a user, and a user who is not there', async () => {
      const places = example.nodes();
      assert.equal(await post(places[0], 42, 'while you were out'), 200);
      const there = await RawUser.open(places.at(-1), { cookie: await cookieOf('42') });
      assert.deepEqual(await there.sees(1), ['while you were out']);
    });

    it('is for the application alone', async () => {
      const [place] = example.nodes();
      assert.equal(await post(place, 'ann', 'hello', {}), 401);
      assert.equal(await post(place, 'ann', 'hello', { 'X-API-Key': 'a-wrong-key-0123456789' }), 401);
    });

    it('closes who is nobody with 1008 "Unauthorized"', async () => {
      const forged = 'webhook_session=s%3Amade-up.c2lnbmF0dXJl';
      for (const place of example.nodes()) {
        for (const headers of [{}, { Cookie: forged }]) {
          const stranger = await Socket.open(`ws://${place}/ws?format=raw`, { headers });
          assert.deepEqual(await stranger.closed(), { code: 1008, reason: 'Unauthorized' });
        }
      }
      const tab = await page(example.address);
      await tab.click('#anyway');
      await tab.locator('#state[data-kind=refused]', { hasText: 'Refused: Unauthorized' }).waitFor();
    });

    it('two people write to each other, by HTTP and over the socket', async () => {
      const [carl, dora] = [await enter('carl'), await enter('dora')];
      await carl.fill('#to', 'dora');
      await carl.fill('#text', 'is it <b>raining</b>?');
      await carl.click('#send button');
      await shows(dora, 'carl: is it <b>raining</b>?');
      await speak(dora, '{"msg_type":"whisper","to":"carl","text":"cats and dogs"}');
      await shows(carl, '{"msg_type":"whisper","from":"dora","text":"cats and dogs"}');
      assert.deepEqual([...carl.errors, ...dora.errors], []);
    });

    it('text over the socket goes to the handler of its kind', async () => {
      const tab = await enter('eve');
      await speak(tab, 'just "text"');
      await shows(tab, '{"msg_type":"echo","data":"just \\"text\\""}');
      await speak(tab, '{"msg_type":"time"}');
      await shows(tab, '"msg_type":"time","data":"20');
      await speak(tab, '{"msg_type":"dance"}');
      await tab.locator('#said', { hasText: 'nobody handles dance' }).waitFor();
      assert.equal(await tab.locator('#log li').count(), 2);
    });

    it('shows who is online, each once, whoever comes and goes', async () => {
      const there = async (tab, names) => {
        for (const name of names) await tab.locator('#online li', { hasText: new RegExp(`^${name}$`) }).waitFor();
      };
      const gone = (tab, name) => tab.locator('#online li', { hasText: new RegExp(`^${name}$`) }).waitFor({ state: 'detached' });
      const ivy = await enter('ivy');
      await there(ivy, ['ivy']);
      const cookie = await cookieOf('jim');
      const sockets = [];
      for (const place of example.nodes()) sockets.push(await RawUser.open(place, { cookie }));
      await there(ivy, ['ivy', 'jim']);
      const kim = await enter('kim');
      for (const tab of [ivy, kim]) await there(tab, ['ivy', 'jim', 'kim']);
      assert.equal(await ivy.locator('#online li', { hasText: 'jim' }).count(), 1);
      // All but one of them: he is still there, as another one who comes then shows.
      for (const { socket } of sockets.slice(1)) await socket.close();
      const leo = await enter('leo');
      for (const tab of [ivy, leo]) await there(tab, ['jim', 'leo']);
      await sockets[0].socket.close();
      await gone(ivy, 'jim');
      await kim.click('#logout');
      await kim.locator('#login').waitFor();
      await gone(ivy, 'kim');
      assert.equal(await kim.locator('#there').isVisible(), false);
      assert.equal((await fetch(`${example.address}online`)).status, 401);
      assert.deepEqual([...ivy.errors, ...leo.errors], []);
    });

    it('believes nobody who does not sign', async () => {
      const body = JSON.stringify({ events: [{ id: '1', event: 'connected', time: 1, node: 'x', client: 'x', user: 'ghost' }] });
      const time = `${Math.floor(Date.now() / 1000)}`;
      for (const signature of [undefined, 'v1,', `v1,${Buffer.alloc(32).toString('base64')}`]) {
        const signed = { 'webhook-id': '1', 'webhook-timestamp': time, ...(signature && { 'webhook-signature': signature }) };
        const headers = { 'Content-Type': 'application/json', ...signed };
        const { status } = await fetch(`http://127.0.0.1:${example.hooksPort}/events`, { method: 'POST', body, headers });
        assert.equal(status, 401);
      }
      const headers = { Cookie: await cookieOf('mia') };
      const { users } = await (await fetch(`${example.address}online`, { headers })).json();
      assert.ok(!users.includes('ghost'));
    });

    it('who logs out is nobody', async () => {
      const tab = await enter('fred');
      const cookie = (await tab.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
      await tab.click('#logout');
      await tab.locator('#login').waitFor();
      const late = await Socket.open(`ws://${example.nodes()[0]}/ws?format=raw`, { headers: { Cookie: cookie } });
      assert.deepEqual(await late.closed(), { code: 1008, reason: 'Unauthorized' });
    });

    it('pages come back when nodes are killed, and have what was sent meanwhile', async () => {
      const tab = await enter('gina');
      // A program that does not come back.
      await RawUser.open(example.nodes()[0], { cookie: await cookieOf('nick') });
      await tab.locator('#online li', { hasText: 'nick' }).waitFor();
      const names = Array.from({ length: nodes }, (_, nth) => `node ${nth + 1}`);
      const times = example.said.split('node 1 is process').length;
      for (const name of names) example.killNode(name);
      await tab.locator('#state[data-kind=coming]').waitFor();
      for (const name of names) await example.again(name, times);
      assert.equal(await post(example.nodes()[0], 'gina', 'welcome back'), 200);
      await shows(tab, 'welcome back', BACK_MS);
      assert.equal(await tab.locator('#log li').count(), 1);
      await tab.locator('#online li', { hasText: 'nick' }).waitFor({ state: 'detached', timeout: NODE_LOST_MS });
      await tab.locator('#online li', { hasText: 'gina' }).waitFor();
    });
  });
}
