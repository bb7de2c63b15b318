// A server for a whole group of tests, and the end of everything the group opened.

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
