/** Heads of HTTP requests and responses, good ones and what mutation makes of them. */
import { mutateText } from './mutate.mjs';

/** Stands in every value that a peer chooses, and in nothing that is answered. */
export const CANARY = 'zqCanary7';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const EXTENSIONS = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  'permessage-deflate; server_max_window_bits=10; client_max_window_bits="12"',
  'permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits=9',
  'x-webkit-deflate-frame; no_context_takeover, foo; bar="a\\b", permessage-deflate',
];

const FIELDS = [
  ['Host', ['example.com', 'localhost:8080', '[::1]:80', '127.0.0.1', `${CANARY}.example`]],
  ['Upgrade', ['websocket', 'WebSocket', 'h2c, websocket']],
  ['Connection', ['Upgrade', 'keep-alive, Upgrade', 'upgrade']],
  ['Sec-WebSocket-Key', [KEY, 'AAAAAAAAAAAAAAAAAAAAAA==']],
  ['Sec-WebSocket-Accept', [ACCEPT]],
  ['Sec-WebSocket-Version', ['13', '13', '8', '13, 8']],
  ['Sec-WebSocket-Protocol', ['chat', 'chat, v2.json', CANARY, `${CANARY}, chat`]],
  ['Sec-WebSocket-Extensions', EXTENSIONS],
  ['Origin', ['http://localhost:8080', 'https://example.com', 'null', `https://${CANARY}.example`]],
  ['Cookie', [`a=${CANARY}`, '__proto__=1']],
  ['Content-Length', ['0', '5']],
  ['Transfer-Encoding', ['chunked']],
];

/** How often each field comes, in tenths: the last ones spoil a handshake. */
const FREQUENCY = [9, 9, 9, 9, 9, 9, 5, 5, 5, 3, 1, 1];

const TARGETS = [
  '/',
  `/${CANARY}?a=b`,
  '/chat',
  'http://example.com/live',
  '*',
  '//',
  '/%zz',
  'wss://h:99999/',
];

/** @param {import('./random.mjs').Random} random */
export function randomHead(random) {
  const rawHeaders = [];
  const isGood = random.oneIn(3);
  for (const [index, [name, values]] of FIELDS.entries()) {
    if (random.below(10) >= FREQUENCY[index] && !(isGood && index < 6)) continue;
    if (isGood && index >= 10) continue;
    for (let count = isGood || !random.oneIn(10) ? 1 : 2; count > 0; count--) {
      const value = isGood ? values[0] : random.pick(values);
      rawHeaders.push(
        random.oneIn(8) ? name.toLowerCase() : name,
        isGood || !random.oneIn(8) ? value : mutateText(random, value),
      );
    }
  }
  if (random.oneIn(40)) {
    for (let count = random.pick([900, 1100]); count > 0; count--) rawHeaders.push(`X-${count}`, CANARY);
  }
  if (random.oneIn(3))
    rawHeaders.push(':authority', random.pick(FIELDS[0][1]), ':path', random.pick(TARGETS));
  const target = isGood ? '/' : random.pick(TARGETS);
  return {
    method: random.oneIn(10) ? random.pick(['POST', 'CONNECT', '', CANARY]) : 'GET',
    httpVersion: random.oneIn(20) ? random.pick(['1.0', '2.0', '9.9', '']) : '1.1',
    url: random.oneIn(8) ? mutateText(random, target) : target,
    rawHeaders,
  };
}

export function randomExtensions(random) {
  const list = random
    .list(random.between(1, 3), () => random.pick(EXTENSIONS))
    .join(random.pick([', ', ',', ' ,\t']));
  return random.oneIn(3) ? list : mutateText(random, list);
}

/** Something that a small grammar has to judge: a token, a list, an authority, an origin. */
export function randomText(random) {
  const [, values] = random.pick(FIELDS);
  const text = random.pick([
    ...values,
    'https://good.example',
    'https://a.good.example:8443',
    'http://good.example.evil',
  ]);
  return random.oneIn(4) ? text : mutateText(random, text);
}

export function randomUrl(random) {
  const url = random.pick([
    'ws://example.com/chat?a=b',
    `wss://user:${CANARY}@example.com:8443/`,
    'http://[::1]:80/%E4?x#y',
    'https://xn--bcher-kva.example',
    `/relative/${CANARY}`,
    'ws://1.2.3/',
    `ftp://${CANARY}/`,
  ]);
  return random.oneIn(3) ? url : mutateText(random, url);
}

export function randomWish(random) {
  return { contextTakeover: random.oneIn(2), windowBits: random.between(8, 15) };
}

/** A whole request or response as it is on the wire, one character for each byte. */
export function formatHead(line, rawHeaders) {
  let head = `${line}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!rawHeaders[index].startsWith(':')) head += `${rawHeaders[index]}: ${rawHeaders[index + 1]}\r\n`;
  }
  return `${head}\r\n`;
}
