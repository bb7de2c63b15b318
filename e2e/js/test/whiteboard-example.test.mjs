// `examples/whiteboard`, started by its one command: several browsers, one picture.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import { until } from '../harness/deadline.mjs';
import { Network } from '../harness/network.mjs';
import { closeAll } from '../harness/opened.mjs';
import { Socket } from '../harness/socket.mjs';
import { Whiteboard, assertSamePicture, strokes } from '../harness/whiteboard.mjs';

/** For 2,000 strokes and a restart in between, on a loaded machine, in ms. */
const LONG_MS = 60_000;

const ZIGZAG = [[0.2, 0.2], [0.4, 0.6], [0.5, 0.3], [0.7, 0.8]];
const SLASH = [[0.8, 0.1], [0.3, 0.9]];

describe('the whiteboard example', () => {
  let example;

  before(async () => {
    example = await Whiteboard.start();
  });

  after(async () => {
    await closeAll();
    await example?.stop();
    await example?.remove();
  });

  const quiet = async (people) => {
    for (const { tab } of people) assert.deepEqual(tab.errors, []);
    for (const person of people) assert.deepEqual(await person.notices(), []);
  };

  it('is one picture for two who draw with their pointers', async () => {
    const [ann, bob] = [await example.enter('pair'), await example.enter('pair')];
    for (const person of [ann, bob]) await person.is('connected');
    await ann.draw(ZIGZAG);
    await bob.tab.locator('#colors label').nth(2).click();
    await bob.tab.locator('#widths label').nth(3).click();
    await bob.draw(SLASH);
    for (const person of [ann, bob]) await person.sees(2);
    await assertSamePicture([ann, bob]);
    const { strokes: stored } = await example.stored('pair');
    assert.deepEqual(stored.map(({ color, width }) => [color, width]), [[1, 6], [2, 40]]);
    await quiet([ann, bob]);
  });

  it('shows who is there, by name', async () => {
    const ann = await example.enter('people');
    await ann.is('connected');
    const bob = await example.enter('people');
    await bob.is('connected');
    await bob.tab.fill('#name', 'Bob <the> Builder');
    await bob.tab.locator('#name').press('Enter');
    const names = () => ann.tab.locator('#people li').evaluateAll((chips) => chips.map(({ title }) => title));
    await until(async () => (await names()).includes('Bob <the> Builder'), 'Bob is seen');
    await until(async () => (await names()).length === 2, 'nobody is seen twice');
    await bob.tab.close();
    await until(async () => (await names()).length === 1, 'Bob is gone');
  });

  it('is the same after a reload', async () => {
    const ann = await example.enter('reload');
    await ann.is('connected');
    await ann.drawAll(strokes(1, 20));
    await ann.sees(20);
    const before = await ann.picture();
    await ann.tab.reload();
    await ann.is('connected');
    await ann.sees(20);
    assert.deepEqual(await ann.picture(), before);
    await quiet([ann]);
  });

  it('shows a stroke while it is drawn', async () => {
    const [ann, bob] = [await example.enter('growing'), await example.enter('growing')];
    for (const person of [ann, bob]) await person.is('connected');
    const grows = () => bob.tab.evaluate(() => {
      const live = document.getElementById('live');
      return live.getContext('2d').getImageData(0, 0, live.width, live.height).data.some((value) => value > 0);
    });
    const { x, y } = await ann.tab.locator('#live').boundingBox();
    await ann.tab.mouse.move(x + 50, y + 50);
    await ann.tab.mouse.down();
    let step = 0;
    await until(async () => {
      step += 3;
      await ann.tab.mouse.move(x + 50 + (step % 300), y + 90);
      return grows();
    }, 'Bob sees it grow');
    assert.equal(await bob.offset(), 0, 'and it is not on the board yet');
    await ann.tab.mouse.up();
    await bob.sees(1);
    await until(async () => !(await grows()), 'the preview makes room for the stroke');
  });

  it('brings back one who was offline: what was missed, and what was drawn meanwhile', async () => {
    const network = await Network.to(example.nodePort);
    const ann = await example.enter('tunnel');
    const bob = await example.enter('tunnel', { node: network.address });
    for (const person of [ann, bob]) await person.is('connected');
    await bob.drawAll(strokes(2, 5));
    for (const person of [ann, bob]) await person.sees(5);
    network.down();
    await bob.is('coming');
    await ann.drawAll(strokes(3, 30));
    await ann.sees(35);
    await bob.draw(ZIGZAG);
    await bob.tab.locator('#strokes', { hasText: '1 not sent yet' }).waitFor();
    network.up();
    assert.equal(await bob.is('connected'), 30, 'exactly what was missed');
    for (const person of [ann, bob]) await person.sees(36);
    await assertSamePicture([ann, bob]);
    await quiet([ann, bob]);
  });

  it('keeps what was drawn offline over a reload', async () => {
    const network = await Network.to(example.nodePort);
    const bob = await example.enter('unsent', { node: network.address });
    await bob.is('connected');
    network.down();
    await bob.is('coming');
    await bob.draw(ZIGZAG);
    await bob.draw(SLASH);
    await bob.tab.reload();
    await bob.tab.locator('#strokes', { hasText: '2 not sent yet' }).waitFor();
    network.up();
    await bob.is('connected');
    await bob.sees(2);
    assert.equal((await example.stored('unsent')).strokes.length, 2);
  });

  it('pages through history after more than one recovery hands over', async () => {
    const network = await Network.to(example.nodePort);
    const ann = await example.enter('long');
    const bob = await example.enter('long', { node: network.address });
    for (const person of [ann, bob]) await person.is('connected');
    await ann.drawAll(strokes(4, 1));
    await bob.sees(1);
    network.down();
    await bob.is('coming');
    await ann.drawAll(strokes(5, 700));
    await ann.sees(701, LONG_MS);
    network.up();
    assert.equal(await bob.is('connected'), 700);
    await bob.sees(701);
    await assertSamePicture([ann, bob]);
    await quiet([ann, bob]);
  });

  it('says so after more than the stream keeps, and loads the stored board', async () => {
    const network = await Network.to(example.nodePort);
    const ann = await example.enter('sleep');
    const bob = await example.enter('sleep', { node: network.address });
    for (const person of [ann, bob]) await person.is('connected');
    await ann.drawAll(strokes(6, 1));
    await bob.sees(1);
    network.down();
    await bob.is('coming');
    await ann.drawAll(strokes(7, 1200));
    await ann.sees(1201, LONG_MS);
    network.up();
    await bob.is('connected');
    await bob.sees(1201);
    await assertSamePicture([ann, bob]);
    assert.deepEqual(await bob.notices(), ['trimmed']);
    assert.match(await bob.tab.locator('#notices').innerText(), /Nothing that was seen here is missing/);
    const late = await example.enter('sleep');
    await late.is('connected');
    await late.sees(1201);
    await assertSamePicture([ann, late]);
    await quiet([ann, late]);
  });

  it('clears the board for everybody, at its place in the stream', async () => {
    const [ann, bob] = [await example.enter('clear'), await example.enter('clear')];
    for (const person of [ann, bob]) await person.is('connected');
    await ann.drawAll(strokes(8, 10));
    await bob.sees(10);
    await ann.tab.click('#clear');
    await ann.tab.click('#clear');
    await bob.sees(11);
    assert.equal((await bob.picture()).drawn, 0);
    await bob.draw(SLASH);
    for (const person of [ann, bob]) await person.sees(12);
    await assertSamePicture([ann, bob]);
    const { strokes: stored } = await example.stored('clear');
    assert.equal(stored.length, 1);
  });

  it('draws nothing for what is not a stroke', async () => {
    const ann = await example.enter('odd');
    await ann.is('connected');
    const odd = [
      { color: 99, width: 6, points: [1, 1] },
      { color: 1, width: 6, points: [1, 1, 2] },
      { color: 1, width: 6, points: [1, 5000] },
      { color: 1, width: 1e9, points: [1, 1] },
      { color: '1', width: 6, points: 'abc' },
      { id: null, color: 1, width: 6, points: [1, 1] },
      { id: '<script>', color: 1, width: 6, points: [1, 1] },
    ];
    // Anybody may publish here: this is nobody's page, and shows no token.
    const program = await Socket.follow(`ws://127.0.0.1:${example.nodePort}`, ['board:odd']);
    for (const [at, stroke] of odd.entries()) {
      const { publish } = await program.ask({ id: at + 1, publish: { channel: 'board:odd', data: { id: `p${at}`, ...stroke } } });
      assert.ok(publish, 'the node does not judge');
    }
    await ann.sees(odd.length);
    assert.equal((await ann.picture()).drawn, 0);
    await program.ask({ id: 9, publish: { channel: 'board:odd', data: { id: 'p9', ...strokes(9, 1)[0], color: 1 } } });
    await ann.sees(odd.length + 1);
    assert.ok((await ann.picture()).drawn > 0);
    assert.deepEqual(ann.tab.errors, []);
  });

  it('sends again what was on its way when the node was killed', async () => {
    const [ann, bob] = [await example.enter('flight'), await example.enter('flight')];
    for (const person of [ann, bob]) await person.is('connected');
    await ann.drawAll(strokes(13, 3));
    for (const person of [ann, bob]) await person.sees(3);
    example.freezeNode();
    await ann.drawAll(strokes(14, 2));
    example.killNode();
    for (const person of [ann, bob]) await person.is('coming');
    for (const person of [ann, bob]) await person.sees(5);
    await ann.tab.locator('#strokes', { hasText: /^5 strokes$/ }).waitFor();
    await assertSamePicture([ann, bob]);
    await quiet([ann, bob]);
  });

  it('is one picture after 2,000 strokes, a cut network and a killed node', async () => {
    const network = await Network.to(example.nodePort);
    const ann = await example.enter('all');
    const bob = await example.enter('all');
    const cut = await example.enter('all', { node: network.address });
    for (const person of [ann, bob, cut]) await person.is('connected');
    const [hers, his] = [strokes(10, 1000), strokes(11, 1000)];
    const draw = async (from, to) => {
      await Promise.all([ann.drawAll(hers.slice(from, to)), bob.drawAll(his.slice(from, to))]);
    };
    await draw(0, 250);
    await cut.sees(400); // from here to what is there when it comes back is less than the stream keeps
    network.down();
    await cut.is('coming');
    await draw(250, 450);
    await ann.sees(600, LONG_MS);
    example.killNode();
    await ann.is('coming');
    await draw(450, 600); // nobody is there to take them
    for (const person of [ann, bob]) await person.is('connected');
    await ann.sees(1200, LONG_MS);
    network.up();
    await cut.is('connected');
    await draw(600, 1000);
    for (const person of [ann, bob, cut]) await person.sees(2000, LONG_MS);
    const late = await example.enter('all');
    await late.is('connected');
    const all = [ann, bob, cut, late];
    // A stroke whose acknowledgement was lost with the node may be in the stream twice, and counts once.
    await until(async () => (await example.stored('all')).strokes.length === 2000, 'the stored board has all');
    const { position } = await example.stored('all');
    for (const person of all) await person.sees(position.offset, LONG_MS);
    for (const { tab } of all) await tab.locator('#strokes', { hasText: /^2,000 strokes$/ }).waitFor();
    await assertSamePicture(all);
    await quiet(all);
  });
});

describe('a whiteboard whose streams are lost', () => {
  let example;
  let people;

  beforeEach(async () => {
    example = await Whiteboard.start();
    people = [await example.enter('lost'), await example.enter('lost')];
    for (const person of people) await person.is('connected');
    await people[0].drawAll(strokes(12, 40));
    for (const person of people) await person.sees(40);
    await until(async () => (await example.stored('lost')).strokes.length === 40, 'the stored board has all');
    await example.stop();
    await example.loseStreams();
  });

  afterEach(async () => {
    await closeAll();
    await example.stop();
    await example.remove();
  });

  const told = async () => {
    for (const { tab } of people) await tab.locator('#notices [data-reason=epoch_changed]').waitFor();
    for (const person of people) await person.is('connected');
  };

  it('goes on from the stored board, and says what happened', async () => {
    const [ann, bob] = people;
    await example.run();
    await told();
    await assertSamePicture(people);
    await bob.draw(ZIGZAG);
    for (const { tab } of people) await tab.locator('#strokes', { hasText: /^41 strokes$/ }).waitFor();
    for (const person of people) await person.sees(1);
    await assertSamePicture(people);
    const late = await example.enter('lost');
    await late.is('connected');
    await late.sees(1);
    await assertSamePicture([ann, late]);
    // What the backend knows to be missing is told to those who come later, too.
    assert.deepEqual(await late.notices(), ['stored']);
  });

  it('offers to draw again what nobody has kept but a page', async () => {
    const [ann, bob] = people;
    const before = await ann.picture();
    await example.loseBoards();
    await example.run();
    await told();
    assert.match(await ann.tab.locator('#notices').innerText(), /40 strokes seen here before are not on it/);
    await until(async () => (await ann.picture()).drawn === 0, 'the page shows what there is: nothing');
    for (const person of people) await person.tab.click('text=Draw them again');
    for (const { tab } of people) await tab.locator('#strokes', { hasText: /^40 strokes$/ }).waitFor();
    for (const person of people) await person.sees(80); // twice in the stream, and once on the board
    await assertSamePicture([ann, bob]);
    assert.deepEqual(await ann.picture(), before);
  });
});
