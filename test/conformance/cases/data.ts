import { gzipSync } from 'node:zlib';

// What the messages are made of. All of it is the same in every run.

/** Bytes without a pattern that a mistake of one place or one byte would not show. */
export function bytesOf(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Text of so many bytes of UTF-8, with characters of one to four bytes where there is room. */
export function textOf(length: number): string {
  const unit = 'aé漢𝄞 0123456789 grüße 👋 ';
  const size = Buffer.byteLength(unit);
  const units = Math.floor(length / size);
  return unit.repeat(units) + 'x'.repeat(length - units * size);
}

const LINES = [
  'All happy families are alike; each unhappy family is unhappy in its own way.',
  'Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.',
  '吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。',
  'قفا نبك من ذكرى حبيب ومنزل بسقط اللوى بين الدخول فحومل',
  'Habe nun, ach! Philosophie, Juristerei und Medizin durchaus studiert, mit heißem Bemühn.',
  '床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。 👩‍👩‍👧‍👦 🏳️‍🌈',
];

/** Cut at a character, and filled up to `length` bytes. */
function fit(text: string, length: number): Buffer {
  const bytes = Buffer.from(text).subarray(0, length);
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1]! & 0xc0) === 0x80) end--;
  if (end > 0 && bytes[end - 1]! >= 0xc0) end--;
  else end = bytes.length;
  return Buffer.concat([bytes.subarray(0, end), Buffer.alloc(length - end, ' ')]);
}

export interface Kind {
  readonly name: string;
  readonly type: 'text' | 'binary';
  make(length: number, seed: number): Buffer;
}

/** Data as applications send it, from what compresses to nothing to what does not compress. */
export const KINDS: readonly Kind[] = [
  {
    name: 'JSON',
    type: 'text',
    make(length, seed) {
      let text = '[';
      for (let at = seed; text.length < length; at++) {
        const id = ((at + 1) * 7919) % 100_003;
        text += `${JSON.stringify({ id, name: `user ${id % 997}`, price: (id * 31) % 10_000, ok: id % 3 === 0 })},`;
      }
      return fit(text, length);
    },
  },
  {
    name: 'text in six languages',
    type: 'text',
    make(length, seed) {
      let text = '';
      for (let at = seed; text.length < length; at++) text += `${at} ${LINES[at % LINES.length]!}\n`;
      return fit(text, length);
    },
  },
  {
    name: 'random bytes',
    type: 'binary',
    make: (length, seed) => bytesOf(length, seed + 1),
  },
  {
    name: 'zeros',
    type: 'binary',
    make: (length) => Buffer.alloc(length),
  },
  {
    name: 'data that is already compressed',
    type: 'binary',
    make(length, seed) {
      const zipped = gzipSync(KINDS[1]!.make(4 * length + 64, seed));
      return Buffer.concat([zipped, bytesOf(length, seed)]).subarray(0, length);
    },
  },
  {
    name: 'repeats 300 bytes apart',
    type: 'binary',
    make: (length, seed) => repeats(length, 300, seed),
  },
  {
    name: 'repeats 20,000 bytes apart',
    type: 'binary',
    make: (length, seed) => repeats(length, 20_000, seed),
  },
  {
    name: 'a text of one character',
    type: 'text',
    make: (length) => Buffer.alloc(length, 'a'),
  },
];

function repeats(length: number, period: number, seed: number): Buffer {
  const unit = bytesOf(period, seed % 3);
  return Buffer.concat(Array.from({ length: Math.ceil(length / period) }, () => unit)).subarray(0, length);
}
