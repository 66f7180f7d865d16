/** A stream that keeps to the standard: however it is cut, what was said is what is called. */
import { randomCuts, randomPauses } from '../cuts.mjs';
import { drive } from '../drive.mjs';
import { mustEqual } from '../finding.mjs';
import { checkMemoryOfMessages } from '../memory.mjs';
import { layOut, randomSetup, randomTalk } from '../talk.mjs';

export const name = 'valid-stream';

export function generate(random) {
  const setup = randomSetup(random);
  const talk = randomTalk(random);
  return { setup, talk, cuts: randomCuts(random, layOut(talk, setup).frames), pauses: randomPauses(random) };
}

export async function check({ setup, talk, cuts, pauses }) {
  const { frames, calls, lengths } = layOut(talk, setup);
  const bytes = Buffer.concat(frames);
  const whole = await drive(setup, bytes);
  mustEqual('a stream in one piece is misread', calls, whole.calls);
  const cut = await drive(setup, bytes, cuts, pauses);
  mustEqual('a stream in pieces is misread', calls, cut.calls);
  checkMemoryOfMessages(cut, lengths, cuts.length + 1, setup.streams);
}
