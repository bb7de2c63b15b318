// Free ports, for programs that have to be told theirs.

import { randomInt } from 'node:crypto';
import net from 'node:net';

/**
 * Below those that a system gives to whoever has no wish (32768 and more on Linux): a port of these would be given
 * away, to a server or to a client's end of a connection, before the program it is for listens there.
 */
const RANGE = [12_000, 32_000];

/** Ports that nobody listens on. All are held until the last is found, so that they differ. */
export async function freePorts(count) {
  const holders = [];
  while (holders.length < count) {
    const holder = net.createServer();
    const free = await new Promise((resolve) => {
      holder.once('error', () => resolve(false));
      holder.listen(randomInt(...RANGE), '127.0.0.1', () => resolve(true));
    });
    if (free) holders.push(holder);
  }
  const ports = holders.map((holder) => holder.address().port);
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}
