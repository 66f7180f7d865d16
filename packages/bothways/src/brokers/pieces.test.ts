import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { seal } from './envelope.js';
import { PieceJoiner, cutIntoPieces, readPiece, type Piece } from './pieces.js';

const nodes: readonly [string, string] = ['node-number', 'NODE-NUMBER'];

function cut(envelope: Buffer, limit: number): Piece[] {
  return [...cutIntoPieces(envelope, limit)].map((bytes) => readPiece(bytes)!);
}

/** An envelope of that length, no two of whose bytes beside each other are alike. */
function envelopeOf(node: string, number: number, length: number): Buffer {
  return seal(node, number, Buffer.from(Array.from({ length: length - 18 }, (_, i) => (i + number) % 256)));
}

describe('Pieces', () => {
  it('are as long as they may be, and joined are what was cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 19, max: 500 }), fc.integer({ min: 27, max: 300 }), (length, limit) => {
        const envelope = envelopeOf(nodes[0], 5, length);
        const pieces = [...cutIntoPieces(envelope, limit)];
        expect(Math.max(...pieces.map((bytes) => bytes.length))).toBeLessThanOrEqual(limit);
        const joiner = new PieceJoiner(1_000, vi.fn<() => void>());
        const joined = pieces.map((bytes) => joiner.add(readPiece(bytes)!));
        expect(joined.slice(0, -1).every((each) => each === undefined)).toBe(true);
        expect(joined.at(-1)!.equals(envelope)).toBe(true);
        expect(joiner.waiting).toBe(0);
      }),
    );
  });

  it('of several nodes are kept apart, and may come again from the start, cut otherwise', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom<(0 | 1)[]>(0, 1), fc.integer({ min: 27, max: 200 }), fc.nat(9)), {
          maxLength: 10,
        }),
        (attempts) => {
          const joiner = new PieceJoiner(1_000, vi.fn<() => void>());
          const envelopes = [envelopeOf(nodes[0], 1, 300), envelopeOf(nodes[1], 1, 300)] as const;
          const streams = attempts.map(([node, limit, count]) => cut(envelopes[node], limit).slice(0, count));
          streams.push(cut(envelopes[0], 100), cut(envelopes[1], 90));
          const joined: Buffer[] = [];
          for (let index = 0; streams.some((stream) => index < stream.length); index++) {
            for (const stream of streams) {
              const piece = stream[index];
              const envelope = piece === undefined ? undefined : joiner.add(piece);
              if (envelope !== undefined) joined.push(envelope);
            }
          }
          for (const envelope of envelopes) expect(joined.some((each) => each.equals(envelope))).toBe(true);
          for (const envelope of joined) expect(envelopes.some((each) => each.equals(envelope))).toBe(true);
        },
      ),
    );
  });

  it('that one has come too late for, or of which one was lost, make nothing', () => {
    const joiner = new PieceJoiner(1_000, vi.fn<() => void>());
    const [first, second, ...rest] = cut(envelopeOf(nodes[0], 1, 300), 100) as [Piece, Piece, ...Piece[]];
    for (const piece of [second, ...rest]) expect(joiner.add(piece)).toBeUndefined();
    for (const piece of [first, ...rest]) expect(joiner.add(piece)).toBeUndefined();
    expect([second, ...rest].map((piece) => joiner.add(piece)).at(-1)).toEqual(envelopeOf(nodes[0], 1, 300));
    joiner.add(first);
    joiner.clear();
    for (const piece of [second, ...rest]) expect(joiner.add(piece)).toBeUndefined();
    expect(joiner.waiting).toBe(0);
  });

  it('of a later message take the place of those of an earlier one', () => {
    const joiner = new PieceJoiner(1_000, vi.fn<() => void>());
    const [earlier, next] = cut(envelopeOf(nodes[0], 1, 300), 100) as [Piece, Piece];
    const [first, ...rest] = cut(envelopeOf(nodes[0], 2, 300), 100) as [Piece, ...Piece[]];
    joiner.add(earlier);
    joiner.add(first);
    expect([joiner.add(earlier), joiner.add(next)]).toEqual([undefined, undefined]);
    expect(rest.map((piece) => joiner.add(piece)).at(-1)).toEqual(envelopeOf(nodes[0], 2, 300));
  });

  it('wait within a limit, and those that have waited longest are dropped', () => {
    const dropped = vi.fn<() => void>();
    const joiner = new PieceJoiner(300, dropped);
    const [long] = cut(envelopeOf(nodes[0], 1, 301), 200) as [Piece];
    expect(joiner.add(long)).toBeUndefined();
    expect([dropped.mock.calls.length, joiner.waiting]).toEqual([1, 0]);
    const [one] = cut(envelopeOf(nodes[0], 1, 300), 226) as [Piece];
    const [two, ...rest] = cut(envelopeOf(nodes[1], 1, 300), 226) as [Piece, ...Piece[]];
    joiner.add(one);
    joiner.add(two);
    expect([dropped.mock.calls.length, joiner.waiting]).toEqual([2, 200]);
    expect(rest.map((piece) => joiner.add(piece)).at(-1)).toEqual(envelopeOf(nodes[1], 1, 300));
  });

  it('that say something else than the first are not believed', () => {
    const joiner = new PieceJoiner(1_000, vi.fn<() => void>());
    const [first, second, ...rest] = cut(envelopeOf(nodes[0], 1, 300), 100) as [Piece, Piece, ...Piece[]];
    joiner.add(first);
    expect(joiner.add({ ...second, length: 301 })).toBeUndefined();
    expect(joiner.add({ ...second, bytes: Buffer.alloc(300) })).toBeUndefined();
    expect([second, ...rest].map((piece) => joiner.add(piece)).at(-1)).toEqual(envelopeOf(nodes[0], 1, 300));
  });

  it('are not what somebody else says', () => {
    expect(readPiece(Buffer.from('P'))).toBeUndefined();
    expect(readPiece(Buffer.alloc(26, 'P'))).toBeUndefined();
    expect(readPiece(seal(nodes[0], 1, 'x'.repeat(100)))).toBeUndefined();
  });

  it('need room', () => {
    expect(() => [...cutIntoPieces(envelopeOf(nodes[0], 1, 300), 26)]).toThrow(RangeError);
  });
});
