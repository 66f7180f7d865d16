/** bothways' `connect`, with a handler object. */
import { createRequire } from 'node:module';
import { connect } from 'bothways';
import { control } from './control.mjs';

control(createRequire(import.meta.url)('bothways/package.json'), async (url, payload, check) => {
  const message = (socket, data) => {
    check(data);
    socket.send(payload);
  };
  const socket = await connect(url, {}, { message });
  return { send: () => socket.send(payload), close: () => socket.terminate() };
});
