import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createCertificateAuthenticator, readCertificate } from './certificate.js';
import type { ClientCertificate } from './contract.js';
import { accepted, client, refused, request } from './test-auth.js';

interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A URI that looks as if a name of a server followed. */
const ODD = `
[req]
distinguished_name = subject
[subject]
[odd]
subjectAltName = @names
[names]
URI.1 = urn:a, DNS:root.example
DNS.1 = b.example
`;

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bothways-client-ca-'));
  issue('ca', ['-subj', '/CN=our authority']);
  issue('server', ['-subj', '/CN=localhost', ...signedBy('ca')]);
  issue('ada', [
    '-subj',
    '/CN=ada',
    '-addext',
    'subjectAltName=DNS:ada.example,email:ada@example.com',
    ...signedBy('ca'),
  ]);
  issue('stranger', ['-subj', '/CN=ada']);
  const config = join(directory, 'odd.cnf');
  writeFileSync(config, ODD);
  issue('odd', ['-subj', '/O=nobody', '-config', config, '-extensions', 'odd', ...signedBy('ca')]);
  issue('two', ['-subj', '/CN=one/CN=two', ...signedBy('ca')]);
});

afterAll(() => rmSync(directory, { recursive: true }));

function signedBy(name: string): string[] {
  return ['-CA', join(directory, `${name}.pem`), '-CAkey', join(directory, `${name}.key`)];
}

function issue(name: string, options: readonly string[]): void {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '1'];
  const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.pem`)];
  execFileSync('openssl', ['req', '-x509', ...curve, ...options, ...files], { stdio: 'pipe' });
}

function read(name: string): Certificate {
  const [cert, key] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

function serverOptions() {
  return { ...read('server'), ca: read('ca').cert, requestCert: true, rejectUnauthorized: false };
}

/** What a server sees of a client with this certificate. */
async function seen(name: string | undefined): Promise<ClientCertificate | undefined> {
  const server = createServer(serverOptions());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
  const ours = connect({ ...options, ...(name !== undefined && read(name)) });
  onTestFinished(() => void ours.destroy());
  const [theirs] = (await once(server, 'secureConnection')) as [TLSSocket];
  return readCertificate(theirs);
}

describe('the certificate of a client', () => {
  it('has its names, and is trusted when our authority has signed it', async () => {
    expect(await seen('ada')).toEqual({ isTrusted: true, names: ['ada', 'ada.example', 'ada@example.com'] });
  });

  it('is not trusted when somebody else has signed it', async () => {
    expect(await seen('stranger')).toEqual({ isTrusted: false, names: ['ada'] });
  });

  it('is not there when none is shown, or nothing is by TLS', async () => {
    expect(await seen(undefined)).toBeUndefined();
    expect(readCertificate(new PassThrough())).toBeUndefined();
  });

  it('has no names that are parts of others', async () => {
    expect(await seen('odd')).toMatchObject({ names: ['urn:a, DNS:root.example', 'b.example'] });
  });

  it('may have several common names', async () => {
    expect(await seen('two')).toMatchObject({ names: ['one', 'two'] });
  });

  it('is seen over HTTP/2', async () => {
    const server = createSecureServer(serverOptions());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ...read('ada'), rejectUnauthorized: false });
    onTestFinished(() => session.destroy());
    session.request().on('error', () => {});
    const [stream] = (await once(server, 'stream')) as [ServerHttp2Stream];
    expect(readCertificate(stream)).toMatchObject({
      isTrusted: true,
      names: ['ada', 'ada.example', 'ada@example.com'],
    });
  });
});

describe('who has a certificate', () => {
  const ada = { isTrusted: true, names: ['ada', 'ada.example'] };

  it('is let in by the first of its names', async () => {
    const way = createCertificateAuthenticator('mutual', { type: 'certificate' });
    expect(await accepted(way.authenticate(request(), client(ada)))).toEqual({
      user: 'ada',
      method: 'certificate',
      key: 'mutual\nada\n',
      expiresAt: undefined,
    });
  });

  it('is let in by a name that the file has', async () => {
    const way = createCertificateAuthenticator('mutual', {
      type: 'certificate',
      names: ['bob', 'ada.example'],
    });
    expect(await accepted(way.authenticate(request(), client(ada)))).toMatchObject({ user: 'ada.example' });
  });

  it.each([
    ['is not trusted', { isTrusted: false, names: ['ada'] }, ['ada'], /no authority/],
    ['has another name', { isTrusted: true, names: ['ada2'] }, ['ada'], /none of the names/],
    ['has no name', { isTrusted: true, names: [] }, undefined, /no name/],
    ['has a name that is no user', { isTrusted: true, names: ['a\nb'] }, undefined, /no name/],
  ])('is refused when it %s', async (_, shown, names, why) => {
    const way = createCertificateAuthenticator('mutual', { type: 'certificate', ...(names && { names }) });
    const refusal = await refused(way.authenticate(request(), client(shown)));
    expect(refusal.status).toBe(403);
    expect(refusal.why).toMatch(why);
  });

  it('is looked for elsewhere when none is shown', () => {
    const way = createCertificateAuthenticator('mutual', { type: 'certificate' });
    expect(way.authenticate(request(), client())).toBeUndefined();
  });
});
