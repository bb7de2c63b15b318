// What tests opened and forgot, so that no reconnecting client outlives its server.

import { AsyncLocalStorage } from 'node:async_hooks';

const everything = new Set();
const own = new AsyncLocalStorage();

const opened = () => own.getStore() ?? everything;

/** Remembers how to close something; closing twice must be harmless. */
export function remember(close) {
  opened().add(close);
}

/** Closes everything remembered. */
export async function closeAll() {
  const closers = opened();
  for (const close of [...closers]) {
    closers.delete(close);
    await close();
  }
}

/**
 * Runs `test` with things of its own: what it opens is closed by nobody else, and it closes nothing of others. For
 * tests that run at the same time.
 */
export function apart(test) {
  return own.run(new Set(), test);
}
