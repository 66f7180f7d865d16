import { describe, expect, it } from 'vitest';
import { decodeAmqp } from './amqp.js';
import { captureConversation, captureStartOk, frame, list, long, oldFrame } from './test-amqp.js';

/** A value of each type of 0-9-1, named by its letter. */
const OLD_VALUES =
  '0174 74 01  0162 62 ff  0142 42 ff  0173 73 fffe  0175 75 fffe  0149 49 ffffffff  0169 69 ffffffff' +
  '016c 6c ffffffffffffffff  0154 54 0000000000000001  0166 66 3fc00000  0164 64 3ff8000000000000' +
  '0144 44 02 0000007b  0153 53 00000001 61  0178 78 00000002 00ff  0146 46 00000004 0174 74 00' +
  '0141 41 00000003 62 01 56  0156 56';

/** Values of 1.0, one of each type: the small ones in an empty list, map and array as well. */
const VALUES =
  '41 42 5601 50ff 51ff 60ffff 61ffff 70ffffffff 71ffffffff 43 80ffffffffffffffff 81ffffffffffffffff 44 55ff' +
  '723fc00000 823ff8000000000000 7300000041 830000000000000000 9800112233445566778899aabbccddeeff' +
  'a002fffe b00000000161 a10162 b10000000163 a30164 45 c00100 c1030241 42';

describe('protocol headers', () => {
  it.each([
    ['414d515000000901', 'protocol header AMQP 0-9-1'],
    ['414d515000010000', 'protocol header AMQP 1.0'],
    ['414d515003010000', 'protocol header AMQP 1.0 SASL'],
    ['414d515001010009', 'protocol header AMQP 1-1-0-9'],
  ])('%s', (hex, summary) => {
    expect(decodeAmqp(Buffer.from(hex, 'hex')).summary).toBe(summary);
  });
});

describe('AMQP 0-9-1', () => {
  it.each<[string, Buffer, string]>([
    ['a heartbeat', oldFrame(8, 0, ''), 'heartbeat'],
    [
      'strings that are empty and bits that are off',
      oldFrame(1, 1, '003c 0028 0000 00 027131 00'),
      'Basic.Publish channel=1 routing-key=q1',
    ],
    [
      'a number of 64 bits',
      oldFrame(1, 1, '003c 003c 0163 0000000000000005 01 0165 016b'),
      'Basic.Deliver channel=1 consumer-tag=c delivery-tag=5 redelivered=true exchange=e routing-key=k',
    ],
    [
      'five bits in one byte, and a table',
      oldFrame(
        1,
        1,
        `0032 000a 0000 0171 12 ${long('05782d6d6178 49 0000000a 06782d6d6f6465 53 00000004 6c617a79')}`,
      ),
      'Queue.Declare channel=1 queue=q durable=true no-wait=true arguments={x-max: 10, x-mode: lazy}',
    ],
    [
      'every type of a value',
      oldFrame(1, 1, `0032 0032 0000 00 00 00 ${long(OLD_VALUES)}`),
      'Queue.Unbind channel=1 arguments={t: true, b: -1, B: 255, s: -2, u: 65534, I: -1, i: 4294967295, l: -1, T: 1, f: 1.5, d: 1.5, D: 123e-2, S: a, x: 0x00ff, F: {t: false}, A: [1, null], V: null}',
    ],
    [
      'a content header',
      oldFrame(2, 1, '003c 0000 0000000000000005 9000 0a 746578742f706c61696e 02'),
      'header channel=1 body-size=5 content-type=text/plain delivery-mode=2',
    ],
    ['a body', oldFrame(3, 1, '68656c6c6f'), 'body channel=1 5 bytes'],
    [
      'how a connection is closed',
      oldFrame(1, 0, '000a 0032 0140 04676f6e65 0000 0000'),
      'Connection.Close reply-code=320 reply-text=gone class-id=0 method-id=0',
    ],
    ['a method that is not known', oldFrame(1, 1, '0063 0001'), 'method 99.1, which is not known'],
    [
      'a string that is too long',
      oldFrame(1, 1, '0014 000a 09 61'),
      'malformed: it ends too early (14 bytes)',
    ],
    [
      'a table with a value of no type',
      oldFrame(1, 1, '0032 0032 0000 00 00 00 00000003 0161 5a'),
      'malformed: a table has a value of type Z (24 bytes)',
    ],
    [
      'a frame of no type',
      oldFrame(7, 0, ''),
      'malformed: there is no frame of type 7 in AMQP 0-9-1 (8 bytes)',
    ],
  ])('%s', (_what, bytes, summary) => {
    expect(decodeAmqp(bytes).summary).toBe(summary);
  });

  it('hands on what a body carries', () => {
    expect(decodeAmqp(oldFrame(3, 1, '68656c6c6f')).payload).toEqual(Buffer.from('hello'));
  });

  it('reads what a client of somebody else writes', async () => {
    const { name, fields } = decodeAmqp(await captureStartOk());
    expect(name).toBe('Connection.StartOk');
    expect(Object.fromEntries(fields)).toMatchObject({
      mechanism: 'PLAIN',
      response: '\\0ada\\0secret',
      'client-properties': expect.stringContaining('product: amqp-client.js') as string,
    });
  });
});

describe('AMQP 1.0', () => {
  it.each<[string, Buffer, string]>([
    ['an empty frame', frame(0, 0, ''), 'heartbeat'],
    ['open', frame(0, 0, `005310 ${list(2, 'a10163 a10168')}`), 'open container-id=c hostname=h'],
    [
      'begin, on a channel, with a field that is null',
      frame(0, 1, `005311 ${list(4, '40 43 7000000800 7000000800')}`),
      'begin channel=1 next-outgoing-id=0 incoming-window=2048 outgoing-window=2048',
    ],
    [
      'an array',
      frame(1, 0, `005340 ${list(1, 'e0 12 02 a3 05504c41494e 09414e4f4e594d4f5553')}`),
      'sasl-mechanisms sasl-server-mechanisms=[PLAIN, ANONYMOUS]',
    ],
    ['sasl-outcome', frame(1, 0, `005344 ${list(1, '5000')}`), 'sasl-outcome code=0'],
    ['a list that is empty', frame(0, 0, '005318 45'), 'close'],
    [
      'an error in close',
      frame(0, 0, `005318 ${list(1, `00531d ${list(1, 'a306616d71703a78')}`)}`),
      'close error=error(condition=amqp:x)',
    ],
    [
      'every type of a value',
      frame(0, 0, `005310 d0${long(`00000001 d0${long(`0000001b ${VALUES}`)}`)}`),
      'open container-id=[true, false, true, 255, -1, 65535, -1, 4294967295, -1, 0, 18446744073709551615, -1, 0, -1, 1.5, 1.5, U+0041, 1970-01-01T00:00:00.000Z, 00112233-4455-6677-8899-aabbccddeeff, 0xfffe, "a", b, c, d, [], [], {true: false}]',
    ],
    [
      'a performative that is none',
      frame(0, 0, '005399 45'),
      'malformed: there is no performative 0x99 (12 bytes)',
    ],
    [
      'a list that is none',
      frame(0, 0, '005318 a100'),
      'malformed: a list is expected, and is none (13 bytes)',
    ],
    ['a frame that ends too early', frame(0, 0, '00'), 'malformed: it ends too early (9 bytes)'],
    ['a frame of no type', frame(5, 0, ''), 'malformed: there is no frame of type 5 in AMQP 1.0 (8 bytes)'],
  ])('%s', (_what, bytes, summary) => {
    expect(decodeAmqp(bytes).summary).toBe(summary);
  });

  it('reads what the two ends of somebody else say', async () => {
    const said = await captureConversation();
    const told = said.map(({ from, message }) => `${from}: ${decodeAmqp(message).summary}`);
    expect(told.filter((line) => line.includes('malformed'))).toEqual([]);
    const has = (pattern: RegExp): boolean => told.some((line) => pattern.test(line));
    expect(has(/^client: protocol header AMQP 1\.0 SASL$/)).toBe(true);
    expect(has(/^server: sasl-mechanisms sasl-server-mechanisms=\[?PLAIN/)).toBe(true);
    expect(has(/^client: sasl-init mechanism=PLAIN initial-response=0x0061646100736563726574 /)).toBe(true);
    expect(has(/^client: open container-id=c1$/)).toBe(true);
    expect(has(/^client: attach name=\S+ handle=0 role=sender .*target=target\(address=queue\/a/)).toBe(true);
    expect(
      has(
        /^client: transfer handle=0 delivery-id=0 .*subject=news application-properties=\{kind: test\} value=hello/,
      ),
    ).toBe(true);
    expect(has(/^server: disposition role=receiver first=0 .*state=accepted/)).toBe(true);
    expect(has(/^server: close/)).toBe(true);
  });

  it('gives up where values are nested deep', () => {
    // Lists in lists, each in one of a long form.
    let value = '40';
    for (let depth = 0; depth < 2_000; depth++) {
      const size = value.length / 2 + 4;
      value = `d0${size.toString(16).padStart(8, '0')}00000001${value}`;
    }
    expect(decodeAmqp(frame(0, 0, `005310${value}`)).summary).toMatch(
      /^malformed: its values are nested too deep/,
    );
  });
});

it('says so of bytes that are no AMQP', () => {
  expect(decodeAmqp(Buffer.from('hello')).summary).toBe('malformed: it is no frame of AMQP (5 bytes)');
});
