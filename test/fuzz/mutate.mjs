/** Faults for streams of frames, and for texts. */
import { FIN, encodeFrame } from './frames.mjs';

/** Pieces of UTF-8 that are wrong, or that are only right with what comes before or after them. */
const BAD_TEXT = ['ff', 'c0af', 'eda080', 'f4908080', 'e282', 'f09f98', '80', 'efbfbe', 'f0808080', 'c2'];

/**
 * @param {import('./random.mjs').Random} random
 * @param {readonly Buffer[]} frames
 * @param {'server' | 'client'} role who receives them
 * @returns {Buffer[]}
 */
export function mutateFrames(random, frames, role) {
  let mutated = frames.map((frame) => Buffer.from(frame));
  for (let count = random.between(1, 3); count > 0; count--) {
    mutated = random.pick(MUTATIONS)(random, mutated, role);
  }
  return mutated;
}

const MUTATIONS = [
  changeFrame((random, frame) => {
    frame[0] ^= 1 << random.below(8);
    return frame;
  }),
  changeFrame((random, frame) => {
    frame[0] = random.next();
    return frame;
  }),
  changeFrame((random, frame) => {
    if (frame.length > 1) frame[1] ^= 1 << random.below(8);
    return frame;
  }),
  changeFrame((random, frame) => {
    if (frame.length > 1) frame[random.between(0, Math.min(frame.length, 14) - 1)] = random.next();
    return frame;
  }),
  changeFrame(changeLength),
  changeFrame((random, frame) => frame.subarray(0, random.below(frame.length + 1))),
  changeFrame(damage),
  changeFrame(damage),
  changeFrame((random, frame) => {
    const at = random.below(frame.length + 1);
    return Buffer.concat([frame.subarray(0, at), random.bytes(random.between(1, 12)), frame.subarray(at)]);
  }),
  changeFrame((random, frame) => {
    const at = random.below(frame.length);
    return Buffer.concat([frame.subarray(0, at), frame.subarray(at + random.between(1, 8))]);
  }),
  (random, frames) => frames.toSpliced(random.below(frames.length + 1), random.below(2)),
  (random, frames) =>
    frames.toSpliced(random.below(frames.length + 1), 0, random.pick(frames) ?? Buffer.alloc(0)),
  (random, frames) => {
    const [one, other] = [random.pick(frames), random.pick(frames)];
    if (one === undefined) return frames;
    const spliced = [
      one.subarray(0, random.below(one.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ];
    return frames.toSpliced(random.below(frames.length), 1, Buffer.concat(spliced));
  },
  (random, frames, role) => frames.toSpliced(random.below(frames.length + 1), 0, badText(random, role)),
  (random, frames, role) => frames.toSpliced(random.below(frames.length + 1), 0, anyFrame(random, role)),
  (random, frames) => [...frames, random.bytes(random.below(40))],
];

function changeFrame(change) {
  return (random, frames) => {
    const index = random.below(frames.length);
    return frames.length === 0 || frames[index].length === 0
      ? frames
      : frames.with(index, change(random, Buffer.from(frames[index])));
  };
}

/** One to three bytes anywhere, which in most frames is the payload. */
function damage(random, frame) {
  for (let count = random.between(1, 3); count > 0; count--) {
    const at = random.below(frame.length);
    frame[at] = random.oneIn(2) ? frame[at] ^ 0x80 : random.next();
  }
  return frame;
}

/** Another length in front of the same payload, and perhaps in more bytes than it takes. */
function changeLength(random, frame) {
  if (frame.length < 2) return frame;
  const coded = frame[1] & 127;
  const start = coded < 126 ? 2 : coded === 126 ? 4 : 10;
  const length = random.pick([
    0,
    1,
    125,
    126,
    127,
    65_535,
    65_536,
    0x7fff_ffff,
    random.below(300),
    frame.length,
  ]);
  const high = random.pick([0, 0, 0, 1, 0x0020_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]);
  const extended = Buffer.alloc(random.pick([0, 2, 8]));
  if (extended.length === 2) extended.writeUInt16BE(length & 0xffff);
  if (extended.length === 8) {
    extended.writeUInt32BE(high);
    extended.writeUInt32BE(length, 4);
  }
  const second = (frame[1] & 0x80) | [length % 126, 126, 127][[0, 2, 8].indexOf(extended.length)];
  return Buffer.concat([Buffer.from([frame[0], second]), extended, frame.subarray(start)]);
}

function badText(random, role) {
  const bad = Buffer.from(random.pick(BAD_TEXT), 'hex');
  const payload = Buffer.concat([
    Buffer.alloc(random.below(50), 'é'),
    bad,
    Buffer.alloc(random.below(3), 'x'),
  ]);
  return encodeFrame(
    random.pick([0x81, 0x01, 0x80, 0x00]),
    payload,
    role === 'server' ? random.next() : undefined,
  );
}

function anyFrame(random, role) {
  const first =
    (random.oneIn(3) ? 0 : FIN) | random.pick([0, 1, 2, 3, 7, 8, 9, 10, 11, 15, 0x41, 0x42, 0x40, 0x49]);
  const key = (role === 'server') !== random.oneIn(10) ? random.next() : undefined;
  return encodeFrame(first, random.bytes(random.pick([0, 1, 2, 5, 125, 126])), key);
}

/** What is used to break texts: seams, controls, what JavaScript takes for special. */
const BAD_CHARACTERS = [
  ',', ';', '=', '"', '\\', ' ', '\t', '\r\n', '\n', '\0', '\x7f', '\u0080', 'ÿ', 'Ā', '語', '\ud800', ':', '/',
  '?', '#', '@', '[', ']', '%', '%00', '..', '*', '//', '=="', '""', ', ,', '__proto__', 'constructor',
]; // prettier-ignore

/** @param {import('./random.mjs').Random} random */
export function mutateText(random, text) {
  let mutated = text;
  for (let count = random.between(1, 3); count > 0; count--) {
    const at = random.below(mutated.length + 1);
    const length = random.oneIn(2) ? 0 : random.between(1, 4);
    let inserted = random.oneIn(5) ? '' : random.pick(BAD_CHARACTERS);
    if (random.oneIn(30)) inserted = inserted.repeat(random.between(2, 5000));
    if (random.oneIn(8)) inserted = mutated.slice(random.below(mutated.length + 1), at);
    if (random.oneIn(20)) inserted = String.fromCharCode(random.below(0x120));
    mutated = mutated.slice(0, at) + inserted + mutated.slice(at + length);
  }
  return mutated;
}
