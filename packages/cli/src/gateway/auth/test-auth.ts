import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { RequestInfo } from 'bothways';
import type { AuthConfig } from '../config/schema.js';
import { Refused } from '../refusal.js';
import type { Client, ClientCertificate, Identity } from './contract.js';

/** An opening handshake. */
export function request(parts: Partial<RequestInfo> = {}): RequestInfo {
  return {
    method: 'GET',
    url: '/stomp',
    headers: {},
    origin: undefined,
    protocols: [],
    remoteAddress: '127.0.0.1',
    ...parts,
  };
}

export function bearer(token: string): RequestInfo {
  return request({ headers: { authorization: `Bearer ${token}` } });
}

export function client(certificate?: ClientCertificate): Client {
  return { address: '192.0.2.7', certificate: () => certificate };
}

/** A file that is there for the time of the test. */
export function temporaryFile(content: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'bothways-auth-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'file');
  writeFileSync(file, content);
  return file;
}

/** A server that is there for the time of the test, and how it is asked. */
export async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** A promise, and what resolves it. */
export function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: (() => void) | undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve: resolve! };
}

/** A URL whose connections are refused. */
export async function nobodyListens(): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}/`;
}

/** What waits for an answer waits a twentieth of a second in this test, however long it would. */
export function shortenTimeouts(): void {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  const spy = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => timeout(50));
  onTestFinished(() => spy.mockRestore());
}

type JwtConfig = Extract<AuthConfig, { type: 'jwt' }>;

export function jwtConfig(parts: Partial<JwtConfig>): JwtConfig {
  return { type: 'jwt', token: ['header'], user_claim: 'sub', clock_tolerance: 5_000, ...parts };
}

/** @throws what it was refused with, if it was. */
export async function accepted(decision: Promise<Identity | Refused> | undefined): Promise<Identity> {
  const decided = await decision;
  if (decided === undefined) throw new Error('it has found no credentials');
  if (decided instanceof Refused) throw new Error(`${decided.status} ${decided.why}`);
  return decided;
}

export async function refused(decision: Promise<Identity | Refused> | undefined): Promise<Refused> {
  const decided = await decision;
  if (!(decided instanceof Refused)) throw new Error(`it was not refused: ${JSON.stringify(decided)}`);
  return decided;
}
