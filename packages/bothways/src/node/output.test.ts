import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StreamOutput } from './output.js';
import { Arrivals } from './test-arrivals.js';
import { createCertificate } from './test-certificate.js';

const certificate = createCertificate('IP:127.0.0.1');

/** A connection over TLS: the client reads nothing until it is told to. */
async function openTlsPair(version: SecureVersion) {
  const accepted = new Arrivals<TLSSocket>();
  const server = createServer({ ...certificate, maxVersion: version }, accepted.push).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', ca: certificate.cert });
  const socket = await accepted.next();
  client.pause();
  onTestFinished(() => {
    server.close();
    client.destroy();
    socket.destroy();
  });
  return { client, socket };
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('An output over %s', (version) => {
  it('frees the memory of what is encrypted at once, and keeps what waits', async () => {
    const { client, socket } = await openTlsPair(version);
    const output = new StreamOutput(socket);
    const freed: boolean[] = [];
    const expected: Buffer[] = [];
    // More than the operating system takes from a connection whose peer does not read.
    for (let i = 0; i < 400; i++) {
      const bytes = Buffer.alloc(60_000, i);
      expected.push(Buffer.from(bytes));
      const isFree =
        i % 3 === 0 ? output.writeBoth(bytes.subarray(0, 9), bytes.subarray(9)) : output.write(bytes);
      if (isFree) bytes.fill(255);
      freed.push(isFree);
      if (i < 20) await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end();
    expect((await buffer(client)).equals(Buffer.concat(expected))).toBe(true);
    expect(freed[0]).toBe(true);
    expect(freed.at(-1)).toBe(false);
  });

  it('keeps all where somebody took the place of its write', async () => {
    const { socket } = await openTlsPair(version);
    Object.assign(socket, { write: (bytes: Uint8Array) => bytes.length > 0 });
    const output = new StreamOutput(socket);
    expect(output.write(Buffer.alloc(10))).toBe(false);
  });
});

describe('An output through any stream', () => {
  it('frees nothing: what a stream does with it is its own business', () => {
    const output = new StreamOutput(new PassThrough());
    expect([output.isIdle, output.write(Buffer.alloc(10))]).toEqual([false, false]);
    expect(output.writeBoth(Buffer.alloc(1), Buffer.alloc(2))).toBe(false);
  });
});
