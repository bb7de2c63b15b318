// `examples/notifications`, started by its one command: a person at several devices, and another one who
// writes to them.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { anotherTab, page } from '../harness/browser.mjs';
import { until } from '../harness/deadline.mjs';
import { Example } from '../harness/example.mjs';
import { closeAll } from '../harness/opened.mjs';
import { Socket } from '../harness/socket.mjs';

const PHONE = { viewport: { width: 390, height: 760 }, isMobile: true, hasTouch: true };

/** How long devices may take to come back after a node was killed, in ms. */
const BACK_MS = 30_000;

for (const nodes of [1, 3]) {
  describe(`notifications on ${nodes === 1 ? 'one node' : `${nodes} nodes`}`, () => {
    let example;

    before(async () => {
      example = await Example.start('notifications', { args: ['--nodes', `${nodes}`] });
    });

    after(async () => {
      await closeAll();
      await example?.stop();
      await example?.remove();
    });

    const connected = (tab, ms) => tab.locator('#state[data-kind=connected]').waitFor({ timeout: ms });
    const logIn = async (name, options) => {
      const tab = await page(example.address, options);
      await tab.fill('#name', name);
      await tab.click('text=Log in');
      await connected(tab);
      return tab;
    };
    /** Two tabs and a phone of one user. */
    const devices = async (name) => {
      const desktop = await logIn(name);
      const second = await anotherTab(desktop, example.address);
      await connected(second);
      return [desktop, second, await logIn(name, PHONE)];
    };
    const unread = async (tabs, count, ms) => {
      const label = count === 0 ? 'no unread notifications' : `${count} unread notifications`;
      for (const tab of tabs) await tab.locator(`#bell[aria-label="${label}"]`).waitFor({ timeout: ms });
      for (const tab of tabs) assert.equal(await tab.locator('#list li').count(), count);
    };
    /** What is listed: `[kind, words]` each. */
    const listed = (tab) => tab.locator('#list li').evaluateAll((lines) => lines.map((line) => [line.querySelector('b').textContent, line.querySelector('p').textContent]));
    const texts = async (tab) => (await listed(tab)).map(([, words]) => words);
    const send = async (tab, to, text) => {
      await tab.locator('#send [name=to]').fill(to);
      await tab.locator('#send [name=text]').fill(text);
      await tab.click('#send button');
      await tab.locator('#said', { hasText: 'Sent.' }).waitFor();
    };
    const remind = async (tab, text, seconds) => {
      await tab.locator('#remind [name=text]').fill(text);
      await tab.locator('#remind [name=seconds]').fill(`${seconds}`);
      await tab.click('#remind button');
      await tab.locator('#said', { hasText: 'You will be reminded' }).waitFor();
    };
    const quiet = (tabs) => tabs.forEach((tab) => assert.deepEqual(tab.errors, []));

    it('reach all devices at once, and are read on all when they are read on one', async () => {
      const all = await devices('Ann');
      const [desktop, second, phone] = all;
      await unread(all, 0);
      const bob = await logIn('bob');
      await send(bob, 'Ann', 'are <you> there?');
      await unread(all, 1);
      assert.deepEqual(await listed(phone), [['message from bob', 'are <you> there?']]);
      const wire = JSON.parse(await desktop.locator('#wire').innerText());
      const message = { msg_type: 'message', to_user_id: 'ann', data: { from: 'bob', text: 'are <you> there?' } };
      assert.deepEqual(wire, message);

      for (const text of ['two', 'three', 'four']) await send(bob, 'ann', text);
      await unread(all, 4);
      await phone.locator('#list li', { hasText: 'three' }).locator('text=Read').click();
      await unread(all, 3);
      for (const tab of all) assert.deepEqual(await texts(tab), ['are <you> there?', 'two', 'four']);
      await second.click('text=Mark all as read');
      await unread(all, 0);
      await unread([bob], 0);
      quiet([...all, bob]);
    });

    it('come later when they are asked to, never early', async () => {
      const all = await devices('carol');
      const asked = Date.now();
      // Late enough for all three to be looked at before.
      await remind(all[0], 'the kettle', 8);
      await unread(all, 0);
      await unread(all, 1);
      assert.ok(Date.now() - asked >= 8000, 'not before it is time');
      assert.deepEqual(await listed(all[2]), [['reminder', 'the kettle']]);
      await all[2].locator('#list').locator('text=Read').click();
      await unread(all, 0);
      quiet(all);
    });

    it('wait for a user who is not there', async () => {
      const dora = await logIn('dora');
      await unread([dora], 0);
      await dora.context().close();
      const bob = await logIn('bob');
      for (const text of ['first', 'second']) await send(bob, 'dora', text);
      const back = await logIn('dora', PHONE);
      await unread([back], 2);
      assert.deepEqual(await texts(back), ['first', 'second']);
      await back.reload();
      await unread([back], 2);
    });

    it('are for whoever is logged in, and for nobody else', async () => {
      const stranger = await Socket.open(`ws://127.0.0.1:${example.nodePort}/ws?format=raw`);
      assert.deepEqual(await stranger.closed(), { code: 1008, reason: 'Unauthorized' });
      const forged = { headers: { Cookie: 'notifications_session=made-up' } };
      const forger = await Socket.open(`ws://127.0.0.1:${example.nodePort}/ws?format=raw`, forged);
      assert.deepEqual(await forger.closed(), { code: 1008, reason: 'Unauthorized' });

      const [desktop, second, phone] = await devices('eve');
      const [cookie] = await desktop.context().cookies();
      assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Lax']);
      const elsewhere = { headers: { Cookie: `${cookie.name}=${cookie.value}` }, origin: 'https://evil.example' };
      const refused = Socket.open(`ws://127.0.0.1:${example.nodePort}/ws?format=raw`, elsewhere);
      await assert.rejects(refused, { status: 403 });

      const bob = await logIn('bob');
      await phone.click('#logout');
      await phone.locator('#login').waitFor();
      await send(bob, 'eve', 'still there?');
      for (const tab of [desktop, second]) await connected(tab);
      await unread([desktop, second], 1);
      await desktop.click('#logout');
      for (const tab of [desktop, second]) await tab.locator('#login').waitFor();
    });

    it('go on when a node is killed, reminders too', async () => {
      const all = await devices('fred');
      const bob = await logIn('bob');
      await send(bob, 'fred', 'before');
      await unread(all, 1);
      await remind(all[1], 'while it was gone', 1);
      const name = `node ${nodes}`;
      const times = example.said.split(`${name} is process`).length;
      example.killNode(name);
      await unread(all, 2, BACK_MS);
      await example.again(name, times);
      for (const tab of all) await connected(tab, BACK_MS);
      await connected(bob, BACK_MS);
      await send(bob, 'fred', 'after');
      await unread(all, 3);
      for (const tab of all) {
        const told = await texts(tab);
        assert.deepEqual(told, ['before', 'while it was gone', 'after'], 'each once, in order');
      }
      await all[2].click('text=Mark all as read');
      await unread(all, 0);
      quiet([...all, bob]);
    });
  });
}

describe('notifications, stopped and started again', () => {
  it('still have what is unread', async () => {
    const example = await Example.start('notifications');
    const logIn = async () => {
      const tab = await page(example.address);
      await tab.fill('#name', 'gina');
      await tab.click('text=Log in');
      await tab.locator('#state[data-kind=connected]').waitFor();
      return tab;
    };
    try {
      const tab = await logIn();
      await tab.locator('#remind [name=text]').fill('the tea');
      await tab.locator('#remind [name=seconds]').fill('1');
      await tab.click('#remind button');
      await tab.locator('#said', { hasText: 'You will be reminded' }).waitFor();
      await tab.context().close();
      await example.stop(); // perhaps before it was due
      await example.run();
      const again = await logIn();
      const told = () => again.locator('#list li p').allTextContents();
      await until(async () => (await told()).length === 1, 'the reminder');
      assert.deepEqual(await told(), ['the tea']);
    } finally {
      await closeAll();
      await example.stop();
      await example.remove();
    }
  });
});
