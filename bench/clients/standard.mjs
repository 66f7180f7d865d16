/** A client by the WHATWG class, whoever made it. */
import { once } from 'node:events';

export function openStandard(WebSocket) {
  return async (url, payload, check) => {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    await once(socket, 'open');
    socket.addEventListener('message', ({ data }) => {
      check(data);
      socket.send(payload);
    });
    return { send: () => socket.send(payload), close: () => socket.close() };
  };
}
