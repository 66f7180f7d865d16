import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readToken, writeToken, type Signer, type TokenContent } from './token.js';

/** Counts what it is asked to do. */
class TestSigner implements Signer {
  signed: string[] = [];
  compared = 0;
  readonly #secret: string;

  constructor(secret = 'secret') {
    this.#secret = secret;
  }

  sign(text: string): string {
    this.signed.push(text);
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }

  isEqual(one: string, other: string): boolean {
    this.compared++;
    return one === other;
  }
}

const CONTENT: TokenContent = { session: 'c2Vzc2lvbg', node: 'node-1', expiry: 1_000 };
const BINDING = 'https://example.com\nann';

describe('A token', () => {
  it('is read as it was written, whatever is in it', () => {
    const id = fc.stringMatching(/^[\w-]{1,64}$/);
    const content = fc.record({ session: id, node: id, expiry: fc.nat(2 ** 40) });
    fc.assert(
      fc.property(content, fc.string(), (each, binding) => {
        const signer = new TestSigner();
        const token = writeToken(each, binding, signer);
        expect(readToken(token, binding, each.expiry - 1, signer)).toEqual(each);
      }),
    );
  });

  it('fits into Authorization, and does not say whose it is', () => {
    const token = writeToken(CONTENT, BINDING, new TestSigner());
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\da-z]+\.[\w-]{22}$/);
    expect(token).not.toContain('ann');
  });

  it('is good until its time has come, and not then', () => {
    const signer = new TestSigner();
    const token = writeToken(CONTENT, BINDING, signer);
    expect(readToken(token, BINDING, 999.9, signer)).toEqual(CONTENT);
    expect(readToken(token, BINDING, 1_000, signer)).toBeUndefined();
    expect(readToken(token, BINDING, 1e9, signer)).toBeUndefined();
  });

  it('is of one origin and one user', () => {
    const signer = new TestSigner();
    const token = writeToken(CONTENT, BINDING, signer);
    for (const other of ['', 'https://example.com\nbob', 'https://example.org\nann', `${BINDING} `]) {
      expect(readToken(token, other, 0, signer)).toBeUndefined();
    }
  });

  it('is of one secret', () => {
    const token = writeToken(CONTENT, BINDING, new TestSigner('one'));
    expect(readToken(token, BINDING, 0, new TestSigner('other'))).toBeUndefined();
  });

  it('is worth nothing when any character of it is another', () => {
    const signer = new TestSigner();
    const token = writeToken(CONTENT, BINDING, signer);
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.stringMatching(/^[\w.-]$/), (at, character) => {
        fc.pre(token[at] !== character);
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        expect(readToken(changed, BINDING, 0, signer)).toBeUndefined();
      }),
    );
  });

  it('cannot be what is no token', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(readToken(text, BINDING, 0, new TestSigner())).toBeUndefined();
      }),
    );
  });

  it.each([
    ['good', (token: string) => token],
    ['expired', () => writeToken({ ...CONTENT, expiry: 1 }, BINDING, new TestSigner())],
    ['forged', (token: string) => `${token.slice(0, -1)}!`],
    ['too long', (token: string) => token + token],
    ['empty', () => ''],
    ['of dots', () => '...'],
  ])('is checked with the same work when it is %s', (_what, make) => {
    const signer = new TestSigner();
    readToken(make(writeToken(CONTENT, BINDING, new TestSigner())), BINDING, 10, signer);
    expect([signer.signed.length, signer.compared]).toEqual([1, 1]);
  });
});
