import { describe, expect, it } from 'vitest';
import { amqp } from './amqp.js';
import { endsIn } from './test-finding.js';

const HEADER_1_0 = '41 4d 51 50 00 01 00 00';
const HEADER_SASL = '41 4d 51 50 03 01 00 00';
const HEADER_TLS = '41 4d 51 50 02 01 00 00';
const HEADER_0_9_1 = '41 4d 51 50 00 00 09 01';
const HEADER_0_9 = '41 4d 51 50 01 01 00 09';
const HEADER_0_8 = '41 4d 51 50 01 01 08 00';
const HEADER_0_10 = '41 4d 51 50 01 01 00 0a';

/** `open` with the container "a". */
const OPEN = '00 00 00 11 02 00 00 00 00 53 10 c0 04 01 a1 01 61';
/** A frame without a body: a heartbeat. */
const EMPTY = '00 00 00 08 02 00 00 00';
/** The same with four bytes of extended header. */
const EXTENDED = '00 00 00 0c 03 01 00 00 ce ce ce ce';

/** `Connection.TuneOk`, on the channel 0. */
const TUNE_OK = '01 00 00 00 00 00 0c 00 0a 00 1f 07 ff 00 02 00 00 00 00 ce';
/** A body with the frame-end octet in it. */
const BODY = '03 00 01 00 00 00 03 ce 41 ce ce';
const HEARTBEAT = '08 00 00 00 00 00 00 ce';

describe('AMQP', () => {
  it('has the token of 1.0 and that of its drafts, and does without, as 0-9-1 has to', () => {
    expect(amqp).toMatchObject({
      name: 'amqp',
      protocols: ['amqp', 'AMQPWSB10'],
      isTokenOptional: true,
      sends: 'binary',
      acceptsText: false,
    });
  });

  it.each([
    ['1.0', [HEADER_1_0, OPEN, EMPTY, EXTENDED, EMPTY], [8, 25, 33, 45, 53]],
    ['1.0 with SASL', [HEADER_SASL, EXTENDED, HEADER_1_0, OPEN], [8, 20, 28, 45]],
    ['0-9-1', [HEADER_0_9_1, TUNE_OK, BODY, HEARTBEAT], [8, 28, 39, 47]],
    ['0-9', [HEADER_0_9, TUNE_OK], [8, 28]],
    ['0-8', [HEADER_0_8, HEARTBEAT], [8, 16]],
  ])('%s is told by the header, from either end', (_, messages, ends) => {
    const digits = messages.join(' ');
    expect(endsIn(amqp.fromClient(), digits)).toEqual({ ends, isWithin: false });
    expect(endsIn(amqp.fromServer(), digits)).toEqual({ ends, isWithin: false });
  });

  it('is 0-9-1 when the server begins with no header', () => {
    const digits = [TUNE_OK, BODY, HEARTBEAT].join(' ');
    expect(endsIn(amqp.fromServer(), digits)).toEqual({ ends: [20, 31, 39], isWithin: false });
  });

  it('goes by the last header that was there', () => {
    const digits = [HEARTBEAT, HEADER_1_0, EMPTY, HEADER_0_9_1, HEARTBEAT].join(' ');
    expect(endsIn(amqp.fromServer(), digits)).toEqual({ ends: [8, 16, 24, 32, 40], isWithin: false });
  });

  it.each([HEADER_0_10, HEADER_TLS, '41 4d 51 50 07 07 07 07'])(
    'may be refused by a server with the header %s, behind which nothing may follow',
    (header) => {
      expect(endsIn(amqp.fromServer(), header)).toEqual({ ends: [8], isWithin: false });
      expect(endsIn(amqp.fromServer(), `${header} ${EMPTY}`)).toMatchObject({
        ends: [8],
        error: {
          message: 'This is not AMQP: what follows a protocol header is of no version that is known here',
        },
      });
    },
  );

  it('is within a message from its first byte to its last but one', () => {
    const finder = amqp.fromServer();
    const states: boolean[] = [];
    for (const digit of `${HEADER_0_9_1} ${HEARTBEAT}`.split(' '))
      states.push(endsIn(finder, digit).isWithin);
    expect(states.map(Number).join('')).toBe('1111111011111110');
  });

  it('may announce a frame of nearly 4 GiB', () => {
    const digits = `${HEADER_1_0} 40 ff ff ff 02 00 00 00`;
    expect(endsIn(amqp.fromClient(), digits)).toEqual({ ends: [8], isWithin: true });
    expect(endsIn(amqp.fromServer(), '01 00 00 ff ff ff ff')).toEqual({ ends: [], isWithin: true });
  });

  it.each([
    ['it does not begin with a protocol header', TUNE_OK],
    ['a protocol header is wrong', '41 4d 51 51 00 00 09 01'],
    ['a frame is smaller than its header', `${HEADER_1_0} 00 00 00 07 02 00 00 00`],
    ['the body of a frame begins outside of it', `${HEADER_1_0} 00 00 00 08 01 00 00 00`],
    ['the body of a frame begins outside of it', `${HEADER_1_0} 00 00 00 0b 03 00 00 00 00 00 00`],
    ['there is no frame of this type in 0-9-1', `${HEADER_0_9_1} 04 00 00 00 00 00 00 ce`],
    [
      'no frame-end octet is where a frame of 0-9-1 says that it ends',
      `${HEADER_0_9_1} 08 00 00 00 00 00 00 cd`,
    ],
  ])('refuses it when %s: %s', (what, digits) => {
    expect(endsIn(amqp.fromClient(), digits)).toMatchObject({
      error: { code: 'ERR_SUBPROTOCOL', closeCode: 1002, message: `This is not AMQP: ${what}` },
    });
  });
});
