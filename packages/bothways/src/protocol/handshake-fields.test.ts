import { describe, expect, it } from 'vitest';
import { readHandshakeFields, type HandshakeFields } from './handshake-fields.js';

const NAMES: readonly (readonly [name: string, field: keyof HandshakeFields])[] = [
  ['Host', 'host'],
  ['Origin', 'origin'],
  ['Upgrade', 'upgrade'],
  ['Connection', 'connection'],
  ['Sec-WebSocket-Key', 'key'],
  ['Sec-WebSocket-Accept', 'accept'],
  ['Sec-WebSocket-Version', 'version'],
  ['Sec-WebSocket-Protocol', 'protocol'],
  ['Sec-WebSocket-Extensions', 'extensions'],
  ['Content-Length', 'contentLength'],
  ['Transfer-Encoding', 'transferEncoding'],
];

describe.each(NAMES)('the header field %s', (name, field) => {
  it('is read in whatever case, and none other with it', () => {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      const expected = Object.assign(readHandshakeFields([]), { [field]: 'value' });
      expect(readHandshakeFields([spelling, 'value'])).toEqual(expected);
    }
  });

  it('is joined when it is repeated', () => {
    expect(readHandshakeFields([name, 'a', 'X-Other', 'x', name.toLowerCase(), 'b'])[field]).toBe('a, b');
    expect(readHandshakeFields([name, '', name, ''])[field]).toBe(', ');
  });

  it.each(['\0', '\n', '\r', '\x7f', '\x01'])('makes the fields malformed when it has %j', (control) => {
    expect(readHandshakeFields([name, `a${control}b`]).malformed).toBe(true);
    expect(readHandshakeFields([name, control, name, 'fine']).malformed).toBe(true);
  });
});

it('all fields are undefined when nothing came', () => {
  const fields = readHandshakeFields([]);
  for (const [, field] of NAMES) expect(fields[field]).toBeUndefined();
  expect(fields.malformed).toBe(false);
});

it('other fields do not matter, whatever is in them', () => {
  expect(readHandshakeFields(['Cookie', 'a\0', '__proto__', '\n', 'Hosts', '\r'])).toEqual(
    readHandshakeFields([]),
  );
});

it('a name without a value at the end of a list that was cut is ignored', () => {
  expect(readHandshakeFields(['Host', 'a', 'Origin'])).toEqual(readHandshakeFields(['Host', 'a']));
});
