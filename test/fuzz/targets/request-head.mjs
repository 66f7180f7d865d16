/** Anything in the place of a request, at the port of a `serve()`: it gets an HTTP response or a closed connection. */
import { must } from '../finding.mjs';
import { CANARY, formatHead, randomHead } from '../heads.mjs';
import { mutateText } from '../mutate.mjs';
import { Servers } from '../servers.mjs';
import { talkTo } from '../tcp.mjs';

export const name = 'request-head';

const servers = new Servers();

export function generate(random) {
  const { method, url, httpVersion, rawHeaders } = randomHead(random);
  const head = formatHead(`${method} ${url} HTTP/${httpVersion}`, rawHeaders);
  const mutated = random.oneIn(2) ? head : mutateText(random, head);
  const bytes = random.oneIn(100) ? random.bytes(random.below(500)) : Buffer.from(mutated, 'latin1');
  return {
    setup: { isCompressing: random.oneIn(2) },
    bytes,
    cuts: random.list(random.below(4), () => random.below(bytes.length + 1)).toSorted((a, b) => a - b),
    ending: random.pick(['end', 'end', 'reset']),
  };
}

export async function check({ setup, bytes, cuts, ending }) {
  const server = await servers.get(setup.isCompressing);
  const ends = [...cuts, bytes.length];
  const pieces = ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
  const came = await talkTo(server.port, pieces, ending);
  if (came.length > 0) checkResponse(came.toString('latin1'), bytes.toString('latin1'));
  await servers.checkAlive(server, setup.isCompressing);
}

function checkResponse(response, request) {
  const [, status] = /^HTTP\/1\.1 (\d{3}) [\w ]+\r\n(?:[\w-]+: [^\r\n]*\r\n)*\r\n/.exec(response) ?? [];
  must(status !== undefined, 'an answer that is no HTTP', JSON.stringify(response));
  must(status[0] !== '5' || status === '505', 'the server blames itself', JSON.stringify(response));
  must(!response.includes(CANARY), 'an answer repeats the request', JSON.stringify(response));
  if (status !== '101') return;
  must(
    /^GET +\S+ +HTTP\/1\.1\r?\n/m.test(request),
    'something else than a GET is accepted',
    JSON.stringify(request),
  );
  must(/^sec-websocket-version:\s*13\s*$/im.test(request), 'a handshake without a version is accepted');
}

export const stop = () => servers.stop();
