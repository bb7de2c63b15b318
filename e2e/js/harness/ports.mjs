// Free ports, for programs that have to be told theirs.

import net from 'node:net';

/** Ports that nobody listens on. All are held until the last is found, so that they differ. */
export async function freePorts(count) {
  const holders = [];
  for (let n = 0; n < count; n += 1) {
    const holder = net.createServer();
    await new Promise((resolve) => holder.listen(0, '127.0.0.1', resolve));
    holders.push(holder);
  }
  const ports = holders.map((holder) => holder.address().port);
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}
