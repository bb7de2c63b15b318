// The page at `/`: a newcomer sees in ten seconds that it works.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { page } from '../harness/browser.mjs';
import { shell } from '../harness/binary.mjs';
import { configuration } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { serving } from '../harness/serving.mjs';

describe('the page at /', () => {
  const group = serving();
  const open = async () => {
    const tab = await page(group.server.http('/'));
    await tab.locator('#pane-a .presence *').first().waitFor();
    return tab;
  };
  const say = async (tab, pane, text) => {
    await tab.fill(`${pane} .input`, text);
    await tab.click(`${pane} .send`);
  };
  const hears = (tab, pane, text) => tab.locator(`${pane} .log`, { hasText: text }).waitFor();

  it('carries a message from one pane to the other and shows how it travelled', async () => {
    const tab = await open();
    await say(tab, '#pane-a', 'hello from the left');
    for (const pane of ['#pane-a', '#pane-b']) await hears(tab, pane, 'hello from the left');
    await say(tab, '#pane-b', 'hello from the right');
    for (const pane of ['#pane-a', '#pane-b']) await hears(tab, pane, 'hello from the right');
    assert.match(await tab.locator('#wire').innerText(), /hello from the right/);
    assert.deepEqual(tab.errors, []);
  });

  it('joins two browsers', async () => {
    const [ann, bob] = [await open(), await open()];
    await say(ann, '#pane-a', 'from one browser');
    for (const pane of ['#pane-a', '#pane-b']) await hears(bob, pane, 'from one browser');
    await say(bob, '#pane-b', 'and back');
    await hears(ann, '#pane-a', 'and back');
  });

  it('shows who is present, and notices who goes', async () => {
    const ann = await open();
    const count = () => ann.locator('#pane-a .presence > *').count();
    const alone = await until(count, 'somebody is present');
    const bob = await open();
    await until(async () => (await count()) > alone, 'the second browser is present');
    await bob.close();
    await until(async () => (await count()) === alone, 'the second browser is gone');
  });

  it('shows a curl line that works as printed', async () => {
    const tab = await open();
    const line = await tab.locator('#curl').innerText();
    const done = await shell(line);
    assert.equal(done.code, 0, `${line}\n${done.stderr}`);
    assert.match(done.stdout, /"result"/);
    const said = /"(?:text|message|data)":\s*"([^"]+)"/.exec(line)?.[1];
    assert.ok(said, `what does it say? ${line}`);
    for (const pane of ['#pane-a', '#pane-b']) await hears(tab, pane, said);
  });

  it('shows three lines of JavaScript that work as printed', async () => {
    const tab = await open();
    const snippet = await tab.locator('#snippet').innerText();
    assert.ok(snippet.trim().split('\n').length <= 5, snippet);
    const blank = await page(group.server.http('/favicon.ico'));
    const heard = [];
    blank.on('console', (message) => heard.push(message.text()));
    await blank.addScriptTag({ content: snippet });
    await until(async () => {
      await say(tab, '#pane-a', 'for the snippet');
      return heard.some((text) => text.includes('for the snippet'));
    }, 'the snippet logs what is said');
  });

  it('needs nothing from elsewhere', async () => {
    const html = await (await fetch(group.server.http('/'))).text();
    assert.doesNotMatch(html, /(?:src|href)="(?:https?:)?\/\//);
  });
});

describe('the page outside --dev', () => {
  const group = serving({ config: configuration() });

  it('is not there', async () => {
    assert.equal((await fetch(group.server.http('/'))).status, 404);
  });
});
