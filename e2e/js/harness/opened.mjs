// What tests opened and forgot, so that no reconnecting client outlives its server.

const opened = new Set();

/** Remembers how to close something; closing twice must be harmless. */
export function remember(close) {
  opened.add(close);
}

/** Closes everything remembered. */
export async function closeAll() {
  for (const close of [...opened]) {
    opened.delete(close);
    await close();
  }
}
