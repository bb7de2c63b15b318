// Who is online: users with a connection, as nodes tell of them at `/events`. A batch that comes twice leaves
// everything as it was.

export class Online {
  /** By the id of a connection: whose it is, and which node holds it. */
  #connections = new Map();

  take({ event, client, user, node }) {
    if (event === 'connected' || event === 'identified') this.#connections.set(client, { user, node });
    if (event === 'disconnected') this.#connections.delete(client);
    // Nobody is left to say that its connections are over.
    if (event === 'node_lost') this.#forget(node);
  }

  #forget(node) {
    for (const [client, connection] of this.#connections) {
      if (connection.node === node) this.#connections.delete(client);
    }
  }

  /** Their names, each once, in order. A connection that is nobody's does not count. */
  users() {
    const users = [...this.#connections.values()].map(({ user }) => user);
    return [...new Set(users)].filter(Boolean).sort();
  }
}
