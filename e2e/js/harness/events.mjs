// Event streams as curl reads them.

import { spawn } from 'node:child_process';

import { Mailbox, within } from './deadline.mjs';
import { remember } from './opened.mjs';

/**
 * A mailbox with the events of a stream: `{id, data}`, data parsed. `stop()` ends curl, `freeze()`
 * and `thaw()` make it stop reading for a while, and `ended` resolves when the stream has ended.
 * `options` are curl's.
 */
export function curlEvents(url, headers = [], options = []) {
  const curl = spawn('curl', ['-sN', ...options, ...headers.flatMap((header) => ['-H', header]), url]);
  remember(() => curl.kill('SIGKILL'));
  const events = new Mailbox(`events of ${url}`);
  let text = '';
  curl.stdout.setEncoding('utf8').on('data', (more) => {
    text += more.replaceAll('\r\n', '\n');
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const field = (name) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
      if (field('data')) events.put({ id: field('id'), data: JSON.parse(field('data')) });
    }
  });
  const ended = new Promise((resolve) => curl.on('close', resolve));
  events.stop = () => curl.kill('SIGKILL');
  events.freeze = () => curl.kill('SIGSTOP');
  events.thaw = () => curl.kill('SIGCONT');
  events.ended = () => within(ended, `end of ${url}`);
  return events;
}
