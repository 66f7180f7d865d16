import { generate, type Packet } from 'mqtt-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDecoder } from './decoder.js';
import { createRedactor, redactHandshake } from './redact.js';
import { captureConversation, captureStartOk, frame, list, oldFrame } from './test-amqp.js';

function redactAll(
  protocol: string,
  ...messages: (string | Uint8Array)[]
): (string | Uint8Array | undefined)[] {
  const redactor = createRedactor(protocol);
  return messages.map((message) => redactor.redact('client', message));
}

describe('STOMP', () => {
  const connect = 'CONNECT\naccept-version:1.2\nlogin:ada\npasscode:secret\n\n\0';

  it('hides the passcode and nothing else', () => {
    expect(redactAll('stomp', connect, 'SEND\npasscode:x\n\n\0', '\n')).toEqual([
      connect.replace('secret', '***'),
      'SEND\npasscode:x\n\n\0',
      '\n',
    ]);
  });

  it('hides it from other lines and in other forms', () => {
    const message = Buffer.from('\nSTOMP\r\nPasscode : secret\r\nlogin:ada\r\n\r\n\0SEND\n\n\0');
    expect(redactAll('stomp', message)).toEqual([
      new Uint8Array(Buffer.from('\nSTOMP\r\nPasscode :***\nlogin:ada\r\n\r\n\0SEND\n\n\0')),
    ]);
  });

  it('leaves a CONNECT out that comes in parts, and not what follows', () => {
    const parts = [connect.slice(0, 40), connect.slice(40), 'SEND\ndestination:/a\n\nhel', 'lo\0'];
    expect(redactAll('stomp', ...parts)).toEqual([undefined, undefined, parts[2], parts[3]]);
  });

  it('leaves out what is no STOMP, for good', () => {
    expect(redactAll('stomp', 'secret\n\0', 'SEND\n\n\0')).toEqual([undefined, undefined]);
  });

  it('shows what the server says', () => {
    const connected = 'CONNECTED\nversion:1.2\n\n\0';
    expect(createRedactor('stomp').redact('server', connected)).toBe(connected);
  });
});

describe('MQTT', () => {
  const login: Packet = {
    cmd: 'connect',
    clientId: 'c',
    username: 'ada',
    password: Buffer.from('secret'),
    keepalive: 9,
    clean: true,
  };

  it.each([3, 4, 5] as const)('hides the password of CONNECT, version %i', (protocolVersion) => {
    const packet = {
      ...login,
      protocolVersion,
      protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    } as const;
    const [shown] = redactAll('mqtt', generate(packet));
    expect(shown).toEqual(new Uint8Array(generate({ ...packet, password: Buffer.from('***') })));
  });

  it('hides what a method of authentication says, of both sides', () => {
    const properties = { authenticationMethod: 'X', authenticationData: Buffer.from('secret') };
    const hidden = { authenticationMethod: 'X', authenticationData: Buffer.from('***') };
    const options = { protocolVersion: 5 };
    const packets: Packet[] = [
      { cmd: 'auth', reasonCode: 24, properties },
      { cmd: 'connack', reasonCode: 0, sessionPresent: false, properties },
    ];
    const redactor = createRedactor('mqtt');
    for (const packet of packets) {
      const expected = generate({ ...packet, properties: hidden } as Packet, options);
      expect(redactor.redact('server', generate(packet, options))).toEqual(new Uint8Array(expected));
    }
  });

  it('leaves all else as it is', () => {
    const publish = generate({
      cmd: 'publish',
      topic: 'a',
      qos: 0,
      dup: false,
      retain: false,
      payload: 'secret',
    });
    const connack = generate({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    const shown = redactAll('mqtt', generate({ cmd: 'connect', clientId: 'c' }), publish, connack);
    expect(shown[1]).toBe(publish);
    expect(shown[2]).toBe(connack);
  });

  it('leaves a CONNECT out that comes in parts or is malformed', () => {
    const bytes = generate(login);
    expect(redactAll('mqtt', bytes.subarray(0, 1), bytes.subarray(1))).toEqual([undefined, undefined]);
    bytes[4] = 0xff;
    expect(redactAll('mqtt', bytes)).toEqual([undefined]);
  });
});

describe('AMQP 0-9-1', () => {
  const header = Buffer.from('AMQP\0\0\x09\x01');

  it('hides what StartOk says, and keeps the rest of it', async () => {
    const [, shown] = redactAll('amqp', header, await captureStartOk());
    const [message] = createDecoder('amqp').decode('server', shown!);
    expect(Buffer.from(shown as Uint8Array).includes('secret')).toBe(false);
    expect(message?.name).toBe('Connection.StartOk');
    expect(Object.fromEntries(message!.fields)).toMatchObject({ mechanism: 'PLAIN', response: '***' });
  });

  it('hides what SecureOk and UpdateSecret say', () => {
    const secureOk = oldFrame(1, 0, '000a 0015 00000006 736563726574');
    const update = oldFrame(1, 0, '000a 0046 00000006 736563726574 0161');
    const shown = redactAll('amqp', header, secureOk, update).slice(1);
    expect(shown.map((one) => Buffer.from(one as Uint8Array).toString('hex'))).toEqual([
      oldFrame(1, 0, '000a 0015 00000003 2a2a2a').toString('hex'),
      oldFrame(1, 0, '000a 0046 00000003 2a2a2a 0161').toString('hex'),
    ]);
  });

  it('leaves a login out that comes in parts, with a header or alone', async () => {
    const startOk = await captureStartOk();
    const first = Buffer.concat([header, startOk.subarray(0, 20)]);
    expect(redactAll('amqp', first, startOk.subarray(20))).toEqual([undefined, undefined]);
  });

  it('leaves out what has no form', () => {
    const wrong = oldFrame(1, 0, '000a 000b ffffffff 736563726574');
    expect(redactAll('amqp', header, wrong)).toEqual([header, undefined]);
  });
});

describe('AMQP 1.0', () => {
  it('hides what SASL says, and keeps all else of a conversation', async () => {
    const redactor = createRedactor('amqp');
    const decoder = createDecoder('amqp');
    const said = await captureConversation();
    const shown = said.map(({ from, message }) => redactor.redact(from, message));
    expect(shown.filter((one, index) => one !== said[index]!.message)).toHaveLength(1);
    const told = said.flatMap(({ from }, index) => decoder.decode(from, shown[index]!));
    expect(told.filter(({ name }) => name === 'malformed')).toEqual([]);
    const init = told.find(({ name }) => name === 'sasl-init');
    expect(init?.summary).toBe('sasl-init mechanism=PLAIN initial-response="***" hostname=127.0.0.1');
  });

  it('hides the second answer and what the outcome says', () => {
    const header = Buffer.from('AMQP\x03\x01\0\0');
    const secret = 'a006736563726574';
    const shown = redactAll(
      'amqp',
      header,
      frame(1, 0, `005343 ${list(1, secret)}`),
      frame(1, 0, `005344 ${list(2, `5000 ${secret}`)}`),
    );
    const decoder = createDecoder('amqp');
    const told = shown.flatMap((one) => decoder.decode('client', one!)).map(({ summary }) => summary);
    expect(told).toEqual([
      'protocol header AMQP 1.0 SASL',
      'sasl-response response="***"',
      'sasl-outcome code=0 additional-data="***"',
    ]);
  });
});

describe('XMPP', () => {
  it.each([
    [
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>`,
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>***</auth>`,
    ],
    ['<response xmlns="a">AA==</response >', '<response xmlns="a">***</response >'],
    ['<success>dj0=</success>', '<success>***</success>'],
    ['<x:auth xmlns:x="a>b">AA==</x:auth>', '<x:auth xmlns:x="a>b">***</x:auth>'],
    ['<auth><!-- </auth> -->AA==</auth>', '<auth>***</auth>'],
    ['<auth mechanism="EXTERNAL"/>', '<auth mechanism="EXTERNAL"/>'],
    [
      '<iq><query><username>a</username><password>b</password></query></iq>',
      '<iq><query><username>a</username><password>***</password></query></iq>',
    ],
    [
      '<authenticate><initial-response>AA==</initial-response></authenticate>',
      '<authenticate>***</authenticate>',
    ],
    ['<message><body>author</body></message>', '<message><body>author</body></message>'],
    // What is not whole.
    ['<auth>AA==', undefined],
    ['<auth mechanism="', undefined],
    ['AA==</auth>', undefined],
    ['secret', undefined],
  ])('%s', (message, shown) => {
    expect(createRedactor('xmpp').redact('client', message)).toBe(shown);
  });
});

it('shows nothing of what a client sends in a protocol that is not known', () => {
  const redactor = createRedactor('raw');
  expect(redactor.redact('client', 'AUTH secret\r\n')).toBeUndefined();
  expect(redactor.redact('server', '+OK\r\n')).toBe('+OK\r\n');
});

it.each(['stomp', 'xmpp', 'amqp', 'mqtt'])('%s: never throws', (protocol) => {
  const message = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 60 }));
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
      expect(redactAll(protocol, ...messages)).toHaveLength(messages.length);
    }),
    { numRuns: 1_000 },
  );
});

it.each(['stomp', 'mqtt'])('%s: shows a password in no message, however a login is cut', (protocol) => {
  const login = {
    stomp: Buffer.from('CONNECT\nlogin:ada\npasscode:secret\n\n\0SEND\ndestination:/a\n\nhello\0'),
    mqtt: generate({ cmd: 'connect', clientId: 'c', username: 'ada', password: Buffer.from('secret') }),
  }[protocol]!;
  fc.assert(
    fc.property(fc.array(fc.nat(login.length), { maxLength: 5 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), login.length];
      const parts = places.slice(1).map((place, index) => login.subarray(places[index], place));
      const shown = redactAll(protocol, ...parts).map((one) => one ?? '');
      // Not even a part of it, of two letters.
      const text = shown.map((one) => Buffer.from(one).toString('latin1')).join('|');
      expect(text).not.toMatch(/se\|?c|cr\|?e|re\|?t/);
    }),
  );
});

describe('a handshake', () => {
  it('has no credentials left', () => {
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';
    const { url, headers } = redactHandshake(
      {
        url: `/stomp?room=1&access_token=abc&t%6Fken=abc&mine=abc&next=${token}&abc`,
        headers: {
          host: 'example.com',
          authorization: 'Bearer abc',
          'proxy-authorization': 'Basic abc',
          cookie: 'session=abc',
          'x-api-key': 'abc',
          referer: `https://example.com/?t=${token}`,
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          'sec-websocket-protocol': 'mine, v12.stomp, bearer.abc',
        },
      },
      'mine',
      ['mine'],
    );
    expect(url).toBe('/stomp?room=1&access_token=***&t%6Fken=***&mine=***&next=***&***');
    expect(headers).toEqual({
      host: 'example.com',
      authorization: '***',
      'proxy-authorization': '***',
      cookie: '***',
      'x-api-key': '***',
      referer: 'https://example.com/?t=***',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': 'mine, v12.stomp, ***',
    });
  });
});
