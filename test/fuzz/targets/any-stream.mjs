/**
 * A stream that breaks the standard: nothing throws, nothing is called after the end, memory stays in proportion, and
 * how the stream is cut changes nothing. Without compression, what is called is also what the model says.
 */
import { randomCuts, randomPauses } from '../cuts.mjs';
import { drive } from '../drive.mjs';
import { must, mustEqual } from '../finding.mjs';
import { checkMemoryOfBytes } from '../memory.mjs';
import { readByModel } from '../model.mjs';
import { mutateFrames } from '../mutate.mjs';
import { layOut, randomSetup, randomTalk } from '../talk.mjs';

export const name = 'any-stream';

export function generate(random) {
  const setup = randomSetup(random);
  const { frames } = layOut(randomTalk(random), setup);
  const mutated = random.oneIn(50)
    ? [random.bytes(random.below(300))]
    : mutateFrames(random, frames, setup.role);
  return { setup, frames: mutated, cuts: randomCuts(random, mutated), pauses: randomPauses(random) };
}

export async function check({ setup, frames, cuts, pauses }) {
  const bytes = Buffer.concat(frames);
  const whole = await drive(setup, bytes);
  if (setup.deflate === undefined) {
    const expected = readByModel(setup, bytes);
    mustEqual('a stream in one piece is misread', expected.calls, whole.calls);
  }
  const cut = await drive(setup, bytes, cuts, pauses);
  mustEqual('a stream in pieces is misread', outcome(whole, setup), outcome(cut, setup));
  checkPieces(whole, cut);
  checkMemoryOfBytes(whole, setup, bytes, 1);
  checkMemoryOfBytes(cut, setup, bytes, cuts.length + 1);
}

/**
 * A message that is inflated as it comes may break both rules of 1007, be neither deflate data nor UTF-8; which of them
 * is seen first depends on how it came.
 */
function outcome({ calls }, { deflate, streams }) {
  if (deflate === undefined || !streams) return calls;
  return calls.map((call) => call.replace('ERR_UTF8', 'ERR_INFLATE'));
}

/** How far a message got that was failed depends on how it came; what had come of it does not. */
function checkPieces(whole, cut) {
  const [one, other] = [Buffer.from(whole.joined()), Buffer.from(cut.joined())];
  const hasFailed = whole.calls.at(-1)?.startsWith('fail') ?? false;
  const length = hasFailed ? Math.min(one.length, other.length) : Math.max(one.length, other.length);
  must(one.subarray(0, length).equals(other.subarray(0, length)), 'pieces depend on how the stream is cut');
}
