import type { IConnectPacket, Packet } from 'mqtt-packet';
import { countBytes, decoded, showBytes, type Decoded, type Field } from './decoded.js';

/** Tells what a control packet is: one that has been read already, by whomever. */
export function describePacket(packet: Packet): Decoded {
  const name = packet.cmd.toUpperCase();
  const payload = packet.cmd === 'publish' ? packet.payload : undefined;
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  const fields = [...fieldsOf(packet), ...propertiesOf(packet)];
  const size = bytes === undefined ? '' : ` ${countBytes(bytes.length)}`;
  return decoded(
    name,
    `${name}${fields.map(([field, value]) => ` ${field}=${value}`).join('')}${size}`,
    fields,
    bytes,
  );
}

function fieldsOf(packet: Packet): Field[] {
  switch (packet.cmd) {
    case 'connect':
      return connectFields(packet);
    case 'connack':
      return [
        ['session-present', String(packet.sessionPresent)],
        ['code', String(packet.reasonCode ?? packet.returnCode ?? 0)],
      ];
    case 'publish':
      return [
        ['topic', packet.topic],
        ['qos', String(packet.qos)],
        ...idOf(packet),
        ...flag('retain', packet.retain),
        ...flag('dup', packet.dup),
      ];
    case 'subscribe':
      return [
        ...idOf(packet),
        ...packet.subscriptions.map(({ topic, qos }): Field => ['topic', `${topic} qos=${qos}`]),
      ];
    case 'unsubscribe':
      return [...idOf(packet), ...packet.unsubscriptions.map((topic): Field => ['topic', topic])];
    case 'suback':
    case 'unsuback':
      // 3.1.1 acknowledges an UNSUBSCRIBE without a code.
      return [...idOf(packet), ...codesOf(packet.granted)];
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
    case 'disconnect':
    case 'auth':
      return [...idOf(packet), ...codeOf(packet.reasonCode)];
    default:
      return [];
  }
}

function connectFields({
  protocolVersion,
  clientId,
  clean,
  keepalive,
  username,
  password,
  will,
}: IConnectPacket): Field[] {
  return [
    ['version', VERSIONS[protocolVersion ?? 4] ?? String(protocolVersion)],
    ['client', clientId],
    ['clean', String(clean)],
    ['keepalive', String(keepalive)],
    ...(username === undefined ? [] : [['username', username] satisfies Field]),
    ...(password === undefined ? [] : [['password', password.toString()] satisfies Field]),
    ...(will === undefined
      ? []
      : [['will', `${will.topic} ${countBytes(will.payload.length)}`] satisfies Field]),
  ];
}

const VERSIONS: Readonly<Record<number, string>> = { 3: '3.1', 4: '3.1.1', 5: '5' };

function idOf({ messageId }: Packet): Field[] {
  // 0 stands for none where a packet was not parsed but made.
  return messageId === undefined || messageId === 0 ? [] : [['id', String(messageId)]];
}

function flag(name: string, isSet: boolean): Field[] {
  return isSet ? [[name, 'true']] : [];
}

function codeOf(code: number | undefined): Field[] {
  return code === undefined || code === 0 ? [] : [['code', String(code)]];
}

function codesOf(granted: readonly unknown[] | undefined): Field[] {
  return granted === undefined || granted.length === 0 ? [] : [['codes', granted.slice(0, 64).join(' ')]];
}

/** The properties of MQTT 5. */
function propertiesOf(packet: Packet): Field[] {
  if (!('properties' in packet) || packet.properties === undefined) return [];
  return Object.entries(packet.properties).flatMap(([name, value]): Field[] => {
    return name === 'userProperties'
      ? Object.entries(value as object).map(([key, text]): Field => [key, showProperty(text)])
      : [[kebabCase(name), showProperty(value)]];
  });
}

function showProperty(value: unknown): string {
  return value instanceof Uint8Array ? showBytes(value) : String(value);
}

function kebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
