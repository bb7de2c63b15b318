// Free ports, for programs that have to be told theirs.

import net from 'node:net';

/**
 * Below those that a system gives to whoever has no wish (32768 and more on Linux): a port of these would be given
 * away, to a server or to a client's end of a connection, before the program it is for listens there.
 */
const RANGE = [12_000, 32_000];

/**
 * Test files run at the same time, and a port is free for seconds until the program it is for listens there. So each
 * process takes ports of a slice of its own, of so many, one after the other; and holds the first of them, which says
 * that the slice is taken.
 */
const SLICE = 250;

const SLICES = (RANGE[1] - RANGE[0]) / SLICE;

let slice;
let next = 1;

/** Whoever listens on a port now; nobody if another one does. */
function listening(port) {
  return new Promise((resolve) => {
    const holder = net.createServer();
    holder.once('error', () => resolve(undefined));
    holder.listen(port, '127.0.0.1', () => resolve(holder));
  });
}

/** The first port of a slice that is nobody's, and is this process's as long as it lives. */
async function ownSlice() {
  for (let nth = 0; nth < SLICES; nth += 1) {
    const first = RANGE[0] + ((process.pid + nth) % SLICES) * SLICE;
    const holder = await listening(first);
    if (holder) {
      holder.unref();
      return first;
    }
  }
  throw new Error('all ports are taken');
}

/** Ports that nobody listens on. All are held until the last is found, so that they differ. */
export async function freePorts(count) {
  slice ??= ownSlice();
  const first = await slice;
  const holders = [];
  for (let tried = 0; holders.length < count; tried += 1) {
    if (tried > SLICE) throw new Error(`no ${count} ports are free from ${first} on`);
    const port = first + next;
    next = (next % (SLICE - 1)) + 1;
    const holder = await listening(port);
    if (holder) holders.push(holder);
  }
  const ports = holders.map((holder) => holder.address().port);
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}
