import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeBase64 } from './base64.js';

it.each([
  // RFC 4648 section 10.
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg=='],
  ['fooba', 'Zm9vYmE='],
  ['foobar', 'Zm9vYmFy'],
  // RFC 7617 sections 2 and 2.1.
  ['Aladdin:open sesame', 'QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
  ['test:123\u00a3', 'dGVzdDoxMjPCow=='],
])('encodes %j as %j', (text, encoded) => {
  expect(encodeBase64(text)).toBe(encoded);
});

it('encodes any text as Node does, a lone surrogate too', () => {
  const unit = fc.constantFrom('a', 'é', '€', '😀', '\ud800', '\udfff', '\0', '\u07ff', '\u0800', '\uffff');
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit })), (text) => {
      expect(encodeBase64(text)).toBe(Buffer.from(text).toString('base64'));
    }),
  );
});
