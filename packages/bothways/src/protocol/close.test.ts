import { describe, expect, it } from 'vitest';
import { CloseCode, MAX_CLOSE_REASON, encodeClose, isCloseCodeOnWire } from './close.js';
import { PLATFORMS, toHex } from './test-platform.js';

/** RFC 6455 section 7.4 with the IANA registry: what may be in a Close frame, from and to. */
const CODES: readonly (readonly [from: number, to: number, allowed: boolean, why: string])[] = [
  [0, 999, false, 'not used'],
  [1000, 1003, true, 'normal, going away, protocol error, unsupported data'],
  [1004, 1004, false, 'reserved'],
  [1005, 1005, false, 'stands for no code'],
  [1006, 1006, false, 'stands for no Close frame'],
  [1007, 1014, true, 'invalid payload to bad gateway'],
  [1015, 1015, false, 'stands for a failed TLS handshake'],
  [1016, 2999, false, 'not assigned'],
  [3000, 3999, true, 'libraries and frameworks'],
  [4000, 4999, true, 'applications'],
  [5000, 65_535, false, 'not defined'],
];

describe.each(CODES)('close codes %d to %d', (from, to, allowed, why) => {
  it(`${allowed ? 'may' : 'must not'} be on the wire: ${why}`, () => {
    const wrong: number[] = [];
    for (let code = from; code <= to; code++) if (isCloseCodeOnWire(code) !== allowed) wrong.push(code);
    expect(wrong).toEqual([]);
  });
});

describe('CloseCode', () => {
  it('has the numbers of RFC 6455 section 7.4.1 and of the IANA registry', () => {
    expect(CloseCode).toEqual({
      NORMAL: 1000,
      GOING_AWAY: 1001,
      PROTOCOL_ERROR: 1002,
      UNSUPPORTED_DATA: 1003,
      NO_STATUS: 1005,
      ABNORMAL: 1006,
      INVALID_PAYLOAD: 1007,
      POLICY_VIOLATION: 1008,
      MESSAGE_TOO_BIG: 1009,
      INTERNAL_ERROR: 1011,
      SERVICE_RESTART: 1012,
      TRY_AGAIN_LATER: 1013,
      BAD_GATEWAY: 1014,
      TIMEOUT: 3008,
    });
  });
});

describe.each(PLATFORMS)('encodeClose on $name', (platform) => {
  it.each(CODES.filter(([, , allowed]) => allowed))('writes the codes %d to %d', (from, to) => {
    for (const code of [from, to]) {
      const payload = encodeClose(code, '', platform);
      expect(payload).toEqual(Uint8Array.of(Math.floor(code / 256), code % 256));
    }
  });

  it.each(CODES.filter(([, , allowed]) => !allowed))('refuses the codes %d to %d', (from, to) => {
    for (const code of [from, to]) {
      expect(() => encodeClose(code, '', platform)).toThrow(RangeError);
      expect(() => encodeClose(code, '', platform)).toThrow(`Close code ${code} cannot be sent`);
    }
  });

  it('makes an empty payload of no code', () => {
    expect(encodeClose(undefined, '', platform)).toEqual(new Uint8Array(0));
  });

  it('puts the reason behind the code', () => {
    // 1000, "bye"
    expect(toHex(encodeClose(1000, 'bye', platform))).toBe('03 e8 62 79 65');
    // 4999, "é" in two bytes
    expect(toHex(encodeClose(4999, 'é', platform))).toBe('13 87 c3 a9');
  });

  it('refuses a reason without a code, and says which code to pass', () => {
    expect(() => encodeClose(undefined, 'bye', platform)).toThrow(RangeError);
    expect(() => encodeClose(undefined, 'bye', platform)).toThrow('pass 1000');
  });

  it.each([1000.5, 3000.000_1, Number.NaN, Infinity, -1000, 66_536 /* 1000 in its lower 16 bits */])(
    'refuses the code %d, which is no such number',
    (code) => {
      expect(() => encodeClose(code, '', platform)).toThrow(RangeError);
      expect(() => encodeClose(code, '', platform)).toThrow('RFC 6455 section 7.4');
    },
  );

  it.each([
    ['a', 123, 124], // 1 byte each
    ['é', 61, 62], // 2 bytes
    ['€', 41, 42], // 3 bytes
    ['😀', 30, 31], // 4 bytes, though 2 of UTF-16
  ])('counts a reason of %s in bytes: %d of them fit, %d do not', (character, fit, tooMany) => {
    const bytes = Buffer.byteLength(character);
    const payload = encodeClose(1000, character.repeat(fit), platform);
    expect(payload).toHaveLength(2 + fit * bytes);
    expect(platform.decodeUtf8(platform.chunk(payload), 2, payload.length)).toBe(character.repeat(fit));
    expect(() => encodeClose(1000, character.repeat(tooMany), platform)).toThrow(RangeError);
    expect(() => encodeClose(1000, character.repeat(tooMany), platform)).toThrow(
      `at most 123 bytes of UTF-8; this one has ${tooMany * bytes}`,
    );
  });

  it('sends U+FFFD for half of a surrogate pair', () => {
    expect(toHex(encodeClose(1000, '\ud83d', platform))).toBe('03 e8 ef bf bd');
  });

  it('fills a control frame exactly with the longest reason', () => {
    expect(MAX_CLOSE_REASON).toBe(123);
    expect(encodeClose(1000, 'a'.repeat(MAX_CLOSE_REASON), platform)).toHaveLength(125);
  });
});
