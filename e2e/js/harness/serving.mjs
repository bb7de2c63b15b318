// A server for a whole group of tests, or for one, and the end of everything that was opened.

import { after, before } from 'node:test';

import { Api } from './api.mjs';
import { closeAll } from './opened.mjs';
import { Server } from './server.mjs';

/** Starts a server before the tests of the current `describe` and stops it after them. */
export function serving(options) {
  const group = {};
  before(async () => {
    group.server = await Server.start(options);
    group.api = new Api(group.server);
  });
  after(async () => {
    await closeAll();
    await group.server?.stop();
  });
  return group;
}

/** Runs `test` against a server of its own and stops the server whatever happens. */
export async function against(options, test) {
  const server = await Server.start(options);
  try {
    await test(server, new Api(server));
    await closeAll();
    await server.stop();
  } finally {
    await closeAll();
    await server.kill();
  }
}
