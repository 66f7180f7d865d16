import { describe, expect, it } from 'vitest';
import { acceptDeflate, checkDeflate, offerDeflate, type DeflateWish } from './deflate.js';
import { formatExtensions, parseExtensions, type ExtensionOffer } from './extension.js';

const FREE: DeflateWish = { contextTakeover: true, windowBits: 15 };
const FRUGAL: DeflateWish = { contextTakeover: false, windowBits: 15 };
const NARROW: DeflateWish = { contextTakeover: true, windowBits: 10 };
const SMALLEST: DeflateWish = { contextTakeover: false, windowBits: 8 };

const parse = (text: string): ExtensionOffer[] => parseExtensions(text)!;

describe('offerDeflate', () => {
  it.each([
    [FREE, 'permessage-deflate; client_max_window_bits'],
    [
      FRUGAL,
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits, ' +
        'permessage-deflate; client_max_window_bits',
    ],
    [
      NARROW,
      'permessage-deflate; server_max_window_bits=10; client_max_window_bits=10, ' +
        'permessage-deflate; client_max_window_bits',
    ],
    [
      SMALLEST,
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; ' +
        'server_max_window_bits=9; client_max_window_bits=8, permessage-deflate; client_max_window_bits',
    ],
  ])('of %j is %s', (wish, offer) => {
    expect(formatExtensions(offerDeflate(wish))).toBe(offer);
  });
});

const answer = (offers: string, wish: DeflateWish): string | undefined => {
  const accepted = acceptDeflate(parse(offers), wish);
  return accepted && formatExtensions([accepted.response]);
};
const agreement = (offers: string, wish: DeflateWish) => {
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } =
    acceptDeflate(parse(offers), wish)!.agreement;
  return [serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits];
};

describe('acceptDeflate', () => {
  it.each([
    ['permessage-deflate', FREE, 'permessage-deflate'],
    [
      'permessage-deflate; server_no_context_takeover',
      FREE,
      'permessage-deflate; server_no_context_takeover',
    ],
    [
      'permessage-deflate; client_no_context_takeover',
      FREE,
      'permessage-deflate; client_no_context_takeover',
    ],
    ['permessage-deflate; server_max_window_bits=10', FREE, 'permessage-deflate; server_max_window_bits=10'],
    ['permessage-deflate; server_max_window_bits=15', FREE, 'permessage-deflate; server_max_window_bits=15'],
    ['permessage-deflate; server_max_window_bits=8', FREE, 'permessage-deflate; server_max_window_bits=8'],
    ['permessage-deflate; client_max_window_bits', FREE, 'permessage-deflate'],
    ['permessage-deflate; client_max_window_bits=9', FREE, 'permessage-deflate; client_max_window_bits=9'],
    ['permessage-deflate; client_max_window_bits=15', FREE, 'permessage-deflate'],
    [
      'permessage-deflate',
      FRUGAL,
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    ],
    // Section 7.1.2.2: the server may limit the client's window only if the client said that it can.
    ['permessage-deflate', NARROW, 'permessage-deflate; server_max_window_bits=10'],
    [
      'permessage-deflate; client_max_window_bits',
      NARROW,
      'permessage-deflate; server_max_window_bits=10; client_max_window_bits=10',
    ],
    [
      'permessage-deflate; server_max_window_bits=12; client_max_window_bits=9',
      NARROW,
      'permessage-deflate; server_max_window_bits=10; client_max_window_bits=9',
    ],
    [
      'permessage-deflate; server_max_window_bits="10"',
      FREE,
      'permessage-deflate; server_max_window_bits=10',
    ],
  ])('answers %s, wishing for %j, with %s', (offer, wish, response) => {
    expect(answer(offer, wish)).toBe(response);
  });

  it('agrees on what the answer says', () => {
    expect(agreement('permessage-deflate', FREE)).toEqual([false, false, 15, 15]);
    expect(agreement('permessage-deflate', FRUGAL)).toEqual([true, true, 15, 15]);
    expect(agreement('permessage-deflate; client_max_window_bits', NARROW)).toEqual([false, false, 10, 10]);
    expect(agreement('permessage-deflate', NARROW)).toEqual([false, false, 10, 15]);
    expect(agreement('permessage-deflate; client_max_window_bits=12', FREE)).toEqual([false, false, 15, 12]);
    const all =
      'permessage-deflate; client_no_context_takeover; server_no_context_takeover; ' +
      'client_max_window_bits=9; server_max_window_bits=11';
    expect(agreement(all, FREE)).toEqual([true, true, 11, 9]);
  });

  it.each([
    'permessage-deflate; unknown',
    'permessage-deflate; server_no_context_takeover=1',
    'permessage-deflate; client_no_context_takeover=true',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
    'permessage-deflate; client_max_window_bits; client_max_window_bits=10',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_max_window_bits=7',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; server_max_window_bits=08',
    'permessage-deflate; server_max_window_bits=010',
    'permessage-deflate; server_max_window_bits=1',
    'permessage-deflate; server_max_window_bits=8.0',
    'permessage-deflate; client_max_window_bits=7',
    'permessage-deflate; client_max_window_bits=16',
    'permessage-deflate; client_max_window_bits=ten',
    'Permessage-Deflate',
    'x-webkit-deflate-frame',
  ])('declines %s, and takes the next offer', (offer) => {
    expect(answer(offer, FREE)).toBeUndefined();
    expect(answer(`${offer}, permessage-deflate; server_max_window_bits=9`, FREE)).toBe(
      'permessage-deflate; server_max_window_bits=9',
    );
  });

  it('takes the first of several offers that it can accept, whatever follows', () => {
    const offers = 'foo, permessage-deflate; client_max_window_bits=9, permessage-deflate; unknown';
    expect(answer(offers, FREE)).toBe('permessage-deflate; client_max_window_bits=9');
  });
});

const check = (response: string, wish: DeflateWish) => {
  const agreed = checkDeflate(parse(response)[0]!, wish);
  return (
    agreed && [
      agreed.serverNoContextTakeover,
      agreed.clientNoContextTakeover,
      agreed.serverMaxWindowBits,
      agreed.clientMaxWindowBits,
    ]
  );
};

describe('checkDeflate', () => {
  it.each([
    ['permessage-deflate', FREE, [false, false, 15, 15]],
    ['permessage-deflate; server_no_context_takeover', FREE, [true, false, 15, 15]],
    ['permessage-deflate; client_no_context_takeover', FREE, [false, true, 15, 15]],
    ['permessage-deflate; server_max_window_bits=8', FREE, [false, false, 8, 15]],
    ['permessage-deflate; client_max_window_bits=8', FREE, [false, false, 15, 8]],
    // The second of the offers asked for nothing, so no server has to do what the first one asked for.
    ['permessage-deflate', FRUGAL, [false, true, 15, 15]],
    ['permessage-deflate', NARROW, [false, false, 15, 10]],
    ['permessage-deflate; client_max_window_bits=12', NARROW, [false, false, 15, 10]],
    ['permessage-deflate; client_max_window_bits=9', NARROW, [false, false, 15, 9]],
  ])('reads %s, wishing for %j, as %j', (response, wish, agreed) => {
    expect(check(response, wish)).toEqual(agreed);
  });

  it.each([
    'permessage-deflate; unknown',
    'permessage-deflate; server_no_context_takeover=1',
    'permessage-deflate; server_max_window_bits',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=7',
    'permessage-deflate; client_max_window_bits=9; client_max_window_bits=9',
  ])('refuses %s', (response) => {
    expect(check(response, FREE)).toBeUndefined();
  });
});
