import { AMQPClient } from '@cloudamqp/amqp-client';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { create_container } from 'rhea';
import { amqp, MessageSplitter } from 'bothways/subprotocols';
import type { Side } from './decoded.js';

function bytesOf(...hex: readonly string[]): Buffer {
  return Buffer.from(hex.join('').replaceAll(/\s/g, ''), 'hex');
}

/** A frame of 0-9-1. @param payload in hexadecimal digits. */
export function oldFrame(type: number, channel: number, payload: string): Buffer {
  const bytes = bytesOf(payload);
  const made = Buffer.alloc(8 + bytes.length);
  made.writeUInt8(type, 0);
  made.writeUInt16BE(channel, 1);
  made.writeUInt32BE(bytes.length, 3);
  bytes.copy(made, 7);
  made.writeUInt8(0xce, made.length - 1);
  return made;
}

/** A frame of 1.0. @param type 0, or 1 for SASL. @param body in hexadecimal digits. */
export function frame(type: number, channel: number, body: string): Buffer {
  const bytes = bytesOf(body);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + bytes.length, 0);
  head.writeUInt8(2, 4);
  head.writeUInt8(type, 5);
  head.writeUInt16BE(channel, 6);
  return Buffer.concat([head, bytes]);
}

/** A long string or table of 0-9-1: its length and its content, in hexadecimal digits. */
export function long(content: string): string {
  const bytes = bytesOf(content);
  return bytes.length.toString(16).padStart(8, '0') + bytes.toString('hex');
}

/** A list of 1.0 with so many items, in hexadecimal digits. */
export function list(count: number, items: string): string {
  const bytes = bytesOf(items);
  return `c0${(bytes.length + 1).toString(16).padStart(2, '0')}${count.toString(16).padStart(2, '0')}${bytes.toString('hex')}`;
}

/** What a client of 0-9-1 says to log in: Connection.StartOk, for the user ada with the password secret. */
export async function captureStartOk(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const client = new AMQPClient(`amqp://ada:secret@127.0.0.1:${port}`).connect().catch(() => {});
  const [socket] = await connected;
  await once(socket, 'data');
  // Connection.Start: 0-9, no properties, PLAIN, en_US.
  socket.write(oldFrame(1, 0, '000a 000a 0009 00000000 00000005 504c41494e 00000005 656e5f5553'));
  const [said] = (await once(socket, 'data')) as [Buffer];
  // Connection.Close, as a broker answers that does not know the password.
  socket.end(oldFrame(1, 0, '000a 0032 0193 02 6e6f 0000 0000'));
  server.close();
  await client;
  return said;
}

/** All that two ends of 1.0 say who log in, send a message and leave. */
export async function captureConversation(): Promise<{ readonly from: Side; readonly message: Buffer }[]> {
  const said: { readonly from: Side; readonly message: Buffer }[] = [];
  const container = create_container();
  container.sasl_server_mechanisms.enable_plain(
    (user: string, password: string) => user === 'ada' && password === 'secret',
  );
  container.on('message', ({ connection }) => connection.close());
  const server = container.listen({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [from, source, sink] of [
      ['client', client, upstream],
      ['server', upstream, client],
    ] as const) {
      const finder = from === 'client' ? amqp.fromClient() : amqp.fromServer();
      const splitter = new MessageSplitter(finder, 1e6);
      source.on('data', (bytes: Buffer) => {
        splitter.push(bytes, (message) => said.push({ from, message: Buffer.from(message) }));
        sink.write(bytes);
      });
      source.on('end', () => sink.end()).on('error', () => sink.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const options = { port: (proxy.address() as AddressInfo).port, host: '127.0.0.1', reconnect: false };
  const client = create_container({ id: 'c1' });
  client.once('sendable', ({ sender }) =>
    sender?.send({ subject: 'news', application_properties: { kind: 'test' }, body: 'hello' }),
  );
  const connection = client.connect({ ...options, username: 'ada', password: 'secret' });
  connection.open_sender('queue/a');
  await new Promise<void>((resolve) => client.once('connection_close', () => resolve()));
  proxy.close();
  server.close();
  return said;
}
