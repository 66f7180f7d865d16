/** A client of `serve()` that breaks the standard, over TCP: the server lives on, and so does everybody else. */
import { randomCuts } from '../cuts.mjs';
import { must } from '../finding.mjs';
import { formatHead } from '../heads.mjs';
import { mutateFrames } from '../mutate.mjs';
import { Servers } from '../servers.mjs';
import { layOut, randomSetup, randomTalk } from '../talk.mjs';
import { talkTo } from '../tcp.mjs';

export const name = 'server-socket';

const HEAD = ['Host', '127.0.0.1', 'Upgrade', 'websocket', 'Connection', 'Upgrade'];
const KEY = ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version', '13'];
const DEFLATE = ['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits'];

const servers = new Servers();

export function generate(random) {
  const setup = { ...randomSetup(random), role: 'server', isCompressing: random.oneIn(2) };
  const { frames } = layOut(randomTalk(random), setup);
  const mutated = random.oneIn(4) ? frames : mutateFrames(random, frames, 'server');
  const cuts = randomCuts(random, mutated).slice(0, 40);
  return { setup, frames: mutated, cuts, ending: random.pick(['end', 'end', 'reset']) };
}

export async function check({ setup, frames, cuts, ending }) {
  const { isCompressing } = setup;
  const server = await servers.get(isCompressing);
  const head = Buffer.from(
    formatHead('GET / HTTP/1.1', [...HEAD, ...KEY, ...(isCompressing ? DEFLATE : [])]),
  );
  const bytes = Buffer.concat(frames);
  const ends = [...cuts, bytes.length];
  const pieces = ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
  const came = await talkTo(server.port, [head, ...pieces], ending);
  if (ending === 'end')
    must(came.toString('latin1', 0, 13) === 'HTTP/1.1 101 ', 'a good handshake is not accepted');
  await servers.checkAlive(server, isCompressing);
}

export const stop = () => servers.stop();
