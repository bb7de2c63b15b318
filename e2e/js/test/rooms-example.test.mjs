// `examples/rooms`, started by its one command, in the browsers of two people.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { page } from '../harness/browser.mjs';
import { Example } from '../harness/example.mjs';
import { closeAll } from '../harness/opened.mjs';
import { Socket } from '../harness/socket.mjs';

describe('the rooms example', () => {
  let example;

  before(async () => {
    example = await Example.start('rooms');
  });

  after(async () => {
    await closeAll();
    await example?.stop();
    await example?.remove();
  });

  const enter = (room, user) => page(`${example.address}#${room}/${user}`);
  const hears = (tab, text) => tab.locator('#log', { hasText: text }).waitFor();
  const say = async (tab, text) => {
    await tab.fill('#text', text);
    await tab.click('#send');
  };

  it('brings two browsers together, and tells when one goes', async () => {
    const ann = await enter('report', 1);
    await hears(ann, 'User 1 connected to room - report');
    const bob = await enter('report', 2);
    for (const tab of [ann, bob]) await hears(tab, 'User 2 connected to room - report');
    await say(ann, 'is the third chapter done?');
    for (const tab of [ann, bob]) await hears(tab, 'is the third chapter done?');
    await say(bob, 'nearly');
    for (const tab of [ann, bob]) await hears(tab, 'nearly');
    const frame = '{"user_id":2,"room_id":"report","message":"nearly"}';
    assert.equal(await ann.locator('#wire').innerText(), frame);
    await bob.close();
    await hears(ann, 'User 2 disconnected from room - report');
    assert.deepEqual(ann.errors, []);
  });

  it('speaks with programs as with pages', async () => {
    const ann = await enter('plan', 1);
    await hears(ann, 'User 1 connected to room - plan');
    const program = await Socket.open(`ws://127.0.0.1:${example.nodePort}/api/v1/ws/plan/7`);
    await hears(ann, 'User 7 connected to room - plan');
    program.send('<b>typed</b>');
    await hears(ann, '<b>typed</b>');
    await program.frames.next('its arrival');
    await say(ann, 'clicked');
    const frame = '{"user_id":1,"room_id":"plan","message":"clicked"}';
    await program.frames.take((text) => text === frame, frame);
  });
});
