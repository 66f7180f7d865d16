import { createTranscript } from './transcript.mjs';

/** The subprotocol that every echo server speaks. */
export const subprotocol = 'echo.interop';

/** What of the client's offer the echo server takes: `echo.interop` or nothing. */
export const chooseProtocol = (offered) => (offered.includes(subprotocol) ? subprotocol : '');

/**
 * The answering end of a conversation: says `welcome` if the path ends with /server-speaks-first, echoes every
 * message, and obeys the commands
 *
 *     !close CODE REASON     close the connection
 *     !fragment COUNT TEXT   answer TEXT in that many frames
 *     !ping                  ping, and say `pong PAYLOAD` when it is answered
 *     !flood COUNT           send `flood 0`, `flood 1` ... and go on echoing meanwhile
 *
 * `socket` is whatever can `send`, `close`, and perhaps `ping(payload)` and `sendFragments(text, count)`.
 */
export function createEcho(socket) {
  const messages = [];

  function obey(command) {
    const [, verb, rest] = /^!(\S+) ?(.*)$/su.exec(command);
    const [, number, text] = /^(\d*) ?(.*)$/su.exec(rest);
    if (verb === 'close') socket.close(Number(number), text);
    else if (verb === 'fragment') socket.sendFragments(text, Number(number));
    else if (verb === 'ping') socket.ping('are you there?');
    else if (verb === 'flood') void flood(Number(number));
    else throw new Error(`unknown command ${command}`);
  }

  async function flood(count) {
    for (let i = 0; i < count; i++) {
      socket.send(`flood ${i}`);
      if (i % 50 === 49) await nextTurn();
    }
  }

  return {
    open(path) {
      if (path.endsWith('/server-speaks-first')) socket.send('welcome');
    },
    message(message) {
      messages.push(message);
      if (typeof message === 'string' && message.startsWith('!')) obey(message);
      else socket.send(message);
    },
    pong: (payload) => socket.send(`pong ${payload}`),
    transcript: (path, protocol, close) => createTranscript(path, protocol, messages, close),
  };
}

/** Lets the event loop read what has arrived. */
const nextTurn = () => new Promise((resolve) => setTimeout(resolve));

/** How a server peer tells what it saw: one line of JSON for each connection that ended. */
export async function print(transcript) {
  console.log(`saw ${JSON.stringify(await transcript)}`);
}
