import { createTranscript } from './transcript.mjs';

const secondsToTalk = 10;
const mebibyte = 1024 * 1024;

/** What the conversations say; test/peers/conversations.py says the same. */
export const said = {
  text: 'Hello, world!',
  binary: Uint8Array.from({ length: 256 }, (_, i) => i),
  unicode: 'G clef 𝄞, wave 👋🏽, family 👩‍👩‍👧‍👦, last \u{10FFFF}, NUL \0, BOM \uFEFF',
  largeText: 'grüße 漢字 👋 0123456789 \n'.repeat(mebibyte / 32), // 32 bytes of UTF-8 each
  largeBinary: Uint8Array.from({ length: mebibyte }, (_, i) => i * 31 + (i >> 8)),
  fragmented: 'en fragments: é 漢 👋 𝄞 é 漢 👋 𝄞',
  ping: 'still there?',
  farewell: 'bye 👋',
  /** Two thirds of it a compressor can leave out, and nearly all of it when it has seen it before. */
  repeated: JSON.stringify(
    Array.from({ length: 30 }, (_, i) => `sensor ${(i * 7919) % 1000} says ${(i * 31) % 97}`),
  ),
  count: 2000,
};

/** The driving end of each conversation. A `talk` is one open connection: see `Talk` in conversations.d.mts. */
const conversations = {
  text: exchange(said.text),
  binary: exchange(said.binary),
  'empty-text': exchange(''),
  'empty-binary': exchange(new Uint8Array(0)),
  'large-text': exchange(said.largeText),
  'large-binary': exchange(said.largeBinary),
  unicode: exchange(said.unicode),
  'fragments-from-client': exchangeFragments,
  'fragments-from-server': exchange(`!fragment 5 ${said.fragmented}`),
  repeated: exchangeTwice(said.repeated),
  'ping-from-client': async (talk) => [`pong ${await talk.ping(said.ping)}`],
  'ping-from-server': exchange('!ping'),
  'server-speaks-first': async (talk) => [await talk.receive()],
  'both-directions': exchangeBothDirections,
  subprotocol: exchange(said.text),
  'close-from-client': exchange(said.text),
  'close-from-server': askToClose,
};

export const conversationNames = Object.keys(conversations);

function exchange(message) {
  return async (talk) => {
    talk.send(message);
    return [await talk.receive()];
  };
}

function exchangeTwice(message) {
  return async (talk) => {
    talk.send(message);
    const first = await talk.receive();
    talk.send(message);
    return [first, await talk.receive()];
  };
}

async function exchangeFragments(talk) {
  talk.sendFragments(said.fragmented, 5);
  talk.sendFragments(said.binary, 3);
  return [await talk.receive(), await talk.receive()];
}

async function exchangeBothDirections(talk) {
  talk.send(`!flood ${said.count}`);
  for (let i = 0; i < said.count; i++) talk.send(`message ${i}`);
  const echoes = [];
  const flood = [];
  while (echoes.length + flood.length < 2 * said.count) {
    const message = await talk.receive();
    (message.startsWith('flood') ? flood : echoes).push(message);
  }
  return [...echoes, ...flood];
}

async function askToClose(talk) {
  talk.send(`!close 4001 ${said.farewell}`);
  await talk.closed;
  return [];
}

/** Holds one conversation over a connection of its own, at `<url>/<name>`, and tells what this end saw. */
export async function converse(open, url, name) {
  const { pathname } = new URL(`${url}/${name}`);
  const talk = await open(
    `${url}/${name}`,
    name === 'subprotocol' ? ['unknown.interop', 'echo.interop'] : [],
  );
  const messages = await conversations[name](talk);
  if (name === 'close-from-client') talk.close(4001, said.farewell);
  else if (name !== 'close-from-server') talk.close(1000, 'done');
  return createTranscript(pathname, talk.protocol, messages, await talk.closed);
}

/**
 * Opens connections with a class that has the WHATWG interface. `extend(socket)` adds to the talk what that
 * class can do beyond it.
 */
export function whatwg(WebSocket, extend = () => ({})) {
  return (url, protocols) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, protocols);
      socket.binaryType = 'arraybuffer';
      const inbox = createInbox();
      const closed = new Promise((settle) => {
        socket.addEventListener('close', ({ code, reason }) => {
          const end = { code, reason };
          reject(new Error(`closed before it opened: ${code} ${reason}`));
          inbox.end(new Error(`closed with ${code} ${reason}`));
          settle(end);
        });
      });
      socket.addEventListener('error', (event) => reject(new Error(`error event: ${event.message}`)));
      socket.addEventListener('message', ({ data }) => {
        inbox.put(typeof data === 'string' ? data : new Uint8Array(data));
      });
      socket.addEventListener('open', () => {
        resolve({
          protocol: socket.protocol,
          send: (message) => socket.send(message),
          receive: inbox.take,
          close: (code, reason) => socket.close(code, reason),
          closed,
          ...extend(socket),
        });
      });
    });
}

/** Messages that arrived and nobody took yet, or somebody waiting for the next. */
export function createInbox() {
  const messages = [];
  const waiting = [];
  let failure;
  return {
    put(message) {
      const next = waiting.shift();
      if (next) next.resolve(message);
      else messages.push(message);
    },
    end(error) {
      failure = error;
      for (const { reject } of waiting.splice(0)) reject(error);
    },
    take: () =>
      new Promise((resolve, reject) => {
        if (messages.length > 0) resolve(messages.shift());
        else if (failure) reject(failure);
        else waiting.push({ resolve, reject });
      }),
  };
}

/** What a client peer does: holds the conversations one after the other and prints a line of JSON for each. */
export async function main(open, [url, ...names]) {
  for (const name of names) console.log(`saw ${JSON.stringify(await attempt(open, url, name))}`);
}

/** The transcript, or what went wrong in its stead. */
export async function attempt(open, url, name) {
  let timer;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${name} took longer than ${secondsToTalk} s`)),
      secondsToTalk * 1000,
    );
  });
  try {
    return await Promise.race([converse(open, url, name), tooLong]);
  } catch (error) {
    return { path: new URL(`${url}/${name}`).pathname, error: String(error) };
  } finally {
    clearTimeout(timer);
  }
}
