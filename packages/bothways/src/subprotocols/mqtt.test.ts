import { describe, expect, it } from 'vitest';
import { mqtt } from './mqtt.js';
import { endsIn } from './test-finding.js';

describe('MQTT', () => {
  it('has its token and the older one, of which a client has to offer one, and is binary', () => {
    expect(mqtt).toMatchObject({
      name: 'mqtt',
      protocols: ['mqtt', 'mqttv3.1'],
      isTokenOptional: false,
      sends: 'binary',
      acceptsText: false,
    });
  });

  it.each([
    ['CONNECT of 3.1.1 without a client identifier', '10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00', [14]],
    ['CONNACK of 5 with no properties', '20 03 00 00 00', [5]],
    ['PINGREQ, which has no length but 0', 'c0 00', [2]],
    ['PUBLISH and PUBACK', '32 08 00 01 61 00 01 68 69 21 40 02 00 01', [10, 14]],
    ['AUTH of 5', 'f0 02 18 00', [4]],
    ['a length in more bytes than it needs', 'c0 80 80 80 00 c0 00', [5, 7]],
  ])('%s ends where its length says', (_, digits, ends) => {
    expect(endsIn(mqtt.fromServer(), digits)).toEqual({ ends, isWithin: false });
    expect(endsIn(mqtt.fromClient(), digits)).toEqual({ ends, isWithin: false });
  });

  // The borders of MQTT 5 table 2.1.
  it.each([
    [127, '30 7f'],
    [128, '30 80 01'],
    [16_383, '30 ff 7f'],
    [16_384, '30 80 80 01'],
    [2_097_151, '30 ff ff 7f'],
    [2_097_152, '30 80 80 80 01'],
  ])('has %d bytes behind the length in %s', (length, digits) => {
    const head = digits.split(' ').length;
    const whole = `${digits}${'00'.repeat(length)}`;
    expect(endsIn(mqtt.fromServer(), whole)).toEqual({ ends: [head + length], isWithin: false });
    expect(endsIn(mqtt.fromServer(), whole.slice(0, -2))).toEqual({ ends: [], isWithin: true });
  });

  it('may announce 268,435,455 bytes', () => {
    const finder = mqtt.fromServer();
    const piece = new Uint8Array(1024 * 1024);
    expect(endsIn(finder, '30 ff ff ff 7f')).toEqual({ ends: [], isWithin: true });
    for (let count = 0; count < 255; count++) expect(finder.findEnd(piece, 0)).toBe(-1);
    expect(finder.findEnd(piece, 0)).toBe(piece.length - 1);
  });

  it.each([
    ['a control packet is of the type 0', '00 00'],
    ['a control packet is of the type 0', '0f'],
    ['a Remaining Length has more than four bytes', '30 80 80 80 80'],
  ])('refuses it when %s: %s', (what, digits) => {
    expect(endsIn(mqtt.fromClient(), digits)).toMatchObject({
      ends: [],
      error: { code: 'ERR_SUBPROTOCOL', closeCode: 1002, message: `This is not MQTT: ${what}` },
    });
  });
});
