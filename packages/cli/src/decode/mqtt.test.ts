import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { MqttDecoder } from './mqtt.js';

function summarize(version: 3 | 4 | 5, ...packets: Packet[]): string[] {
  const decoder = new MqttDecoder();
  const connect: Packet = {
    cmd: 'connect',
    clientId: 'c',
    clean: true,
    keepalive: 60,
    protocolVersion: version,
  };
  if (version === 3) connect.protocolId = 'MQIsdp';
  decoder.decode(generate(connect));
  return packets.map((packet) => decoder.decode(generate(packet, { protocolVersion: version })).summary);
}

const publish: Packet = {
  cmd: 'publish',
  topic: 'a/b',
  qos: 1,
  messageId: 7,
  dup: false,
  retain: true,
  payload: 'hello world!',
};

describe('each control packet of 3.1.1', () => {
  it('CONNECT, with a will', () => {
    const packet = generate({
      cmd: 'connect',
      clientId: 'c1',
      clean: true,
      keepalive: 30,
      username: 'ada',
      password: Buffer.from('***'),
      will: { topic: 'gone', payload: Buffer.from('c1'), qos: 0, retain: false },
    });
    expect(new MqttDecoder().decode(packet).summary).toBe(
      'CONNECT version=3.1.1 client=c1 clean=true keepalive=30 username=ada password=*** will=gone 2 bytes',
    );
  });

  it('all others', () => {
    expect(
      summarize(
        4,
        { cmd: 'connack', returnCode: 5, sessionPresent: false },
        publish,
        { cmd: 'puback', messageId: 7 },
        { cmd: 'pubrec', messageId: 8 },
        { cmd: 'pubrel', messageId: 8 },
        { cmd: 'pubcomp', messageId: 8 },
        {
          cmd: 'subscribe',
          messageId: 9,
          subscriptions: [
            { topic: 'a/#', qos: 0 },
            { topic: 'b', qos: 2 },
          ],
        },
        { cmd: 'suback', messageId: 9, granted: [0, 128] },
        { cmd: 'unsubscribe', messageId: 10, unsubscriptions: ['b'] },
        { cmd: 'unsuback', messageId: 10, granted: [] },
        { cmd: 'pingreq' },
        { cmd: 'pingresp' },
        { cmd: 'disconnect' },
      ),
    ).toEqual([
      'CONNACK session-present=false code=5',
      'PUBLISH topic=a/b qos=1 id=7 retain=true 12 bytes',
      'PUBACK id=7',
      'PUBREC id=8',
      'PUBREL id=8',
      'PUBCOMP id=8',
      'SUBSCRIBE id=9 topic=a/# qos=0 topic=b qos=2',
      'SUBACK id=9 codes=0 128',
      'UNSUBSCRIBE id=10 topic=b',
      'UNSUBACK id=10',
      'PINGREQ',
      'PINGRESP',
      'DISCONNECT',
    ]);
  });
});

it('knows from CONNECT that what follows is of version 5, and tells its properties', () => {
  expect(
    summarize(
      5,
      { ...publish, properties: { contentType: 'text/plain', topicAlias: 3, userProperties: { a: 'b' } } },
      { cmd: 'connack', reasonCode: 135, sessionPresent: false, properties: { reasonString: 'no' } },
      { cmd: 'disconnect', reasonCode: 142 },
      {
        cmd: 'auth',
        reasonCode: 24,
        properties: { authenticationMethod: 'X', authenticationData: Buffer.from([255]) },
      },
    ),
  ).toEqual([
    'PUBLISH topic=a/b qos=1 id=7 retain=true content-type=text/plain topic-alias=3 a=b 12 bytes',
    'CONNACK session-present=false code=135 reason-string=no',
    'DISCONNECT code=142',
    'AUTH code=24 authentication-method=X authentication-data=0xff',
  ]);
});

it('knows MQTT 3.1', () => {
  expect(summarize(3, publish)).toEqual(['PUBLISH topic=a/b qos=1 id=7 retain=true 12 bytes']);
});

it('hands on what is published', () => {
  expect(new MqttDecoder().decode(generate(publish)).payload).toEqual(Buffer.from('hello world!'));
});

it.each([
  // PUBLISH of 5 bytes, whose topic says that it has 9.
  ['a topic that is longer than the packet', '3005000961626300', /^malformed: .+ \(8 bytes\)$/],
  ['a type that is none', '0000', /^malformed: /],
  ['a packet that is not complete', '3005', /^malformed: /],
  ['two packets', 'c000c000', /^malformed: it is more than one control packet/],
])('says what is wrong with %s', (_what, hex, summary) => {
  expect(new MqttDecoder().decode(Buffer.from(hex, 'hex')).summary).toMatch(summary);
});
