// The three ways in which nodes keep what they have: in memory, on disk, and several of them in Redis. What holds
// for all of them is tried on each.

import { Api } from './api.mjs';
import { Cluster } from './cluster.mjs';
import { openTo } from './configuration.mjs';
import { Server } from './server.mjs';

/** Nobody is before the nodes: tests say to which of them they go. */
const ALONE = { proxy: () => undefined, delay: '0s' };

const one = (backend) => async (namespaces, sections) => {
  const config = openTo(namespaces, { storage: { backend }, ...sections });
  const node = await Server.start({ config });
  node.api = new Api(node);
  return { nodes: [node], stop: () => node.stop(), kill: () => node.kill() };
};

const three = (redis) => async (namespaces, sections) => {
  const cluster = await Cluster.start(namespaces, { ...ALONE, sections, redis });
  const { nodes } = cluster;
  // Whatever made a test fail is said already.
  return { nodes, stop: () => cluster.stop(), kill: () => cluster.stop().catch(() => {}) };
};

/** Three nodes over a Redis that a test has something in mind for. */
export function over(redis) {
  return { name: 'on three nodes', start: three(redis), keeps: true, several: true };
}

export const HOUSES = [
  { name: 'in memory', start: one('memory') },
  { name: 'on disk', start: one('embedded'), keeps: true },
  over(),
];

/** The node's name for itself. */
export async function uid(node) {
  const { nodes } = await node.api.call('info');
  return nodes.find(({ name }) => name === node.listen).uid;
}
