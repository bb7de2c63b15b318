// What becomes of text that comes in over a WebSocket: a handler for each `msg_type`. What a handler
// returns goes back over the same socket, if it is anything.

/** A message for somebody else, in characters. */
const MESSAGE = 2000;

export function handlersFor(nodes) {
  return new Map([
    /** Text that is no message of a kind. */
    ['', (user, text) => ({ msg_type: 'echo', data: text })],

    ['time', () => ({ msg_type: 'time', data: new Date().toISOString() })],

    /** `{"msg_type":"whisper","to":"bob","text":"…"}`: to all sockets of bob, wherever they are. */
    ['whisper', async (user, { to, text }) => {
      if (typeof to !== 'string' || typeof text !== 'string' || text.length > MESSAGE) {
        return { msg_type: 'whisper', error: '`to` and `text` are texts' };
      }
      await nodes.message(to, { msg_type: 'whisper', from: user, text });
      return undefined;
    }],
  ]);
}
