import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveFiles } from './static-files.js';

const dir = mkdtempSync(join(tmpdir(), 'static-files-'));
writeFileSync(join(dir, 'index.html'), '<h1>Home</h1>');
writeFileSync(join(dir, 'ten.txt'), '0123456789');
writeFileSync(join(dir, '.env'), 'SECRET=1');
mkdirSync(join(dir, '.git'));
writeFileSync(join(dir, '.git', 'config'), 'secret');
mkdirSync(join(dir, '.well-known'));
writeFileSync(join(dir, '.well-known', 'security.txt'), 'Contact: nobody');

const server = createServer(serveFiles(dir, { dev: true, etag: true }));

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** `fetch` would tidy the path up before it asks. */
async function ask(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    asked.once('error', reject);
    asked.end();
  });
}

describe('a folder that is served', () => {
  it('answers with its files and their types', async () => {
    const { status, headers, body } = await ask('/');
    expect([status, body]).toEqual([200, '<h1>Home</h1>']);
    expect(headers['content-type']).toBe('text/html;charset=utf-8');
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it('answers with a part of a file', async () => {
    const { status, body } = await ask('/ten.txt', 'GET', { range: 'bytes=2-4' });
    expect([status, body]).toEqual([206, '234']);
  });

  it.each(['bytes=5-2', 'bytes=-3', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=9999999999999999-'])(
    'answers with the whole file where the range is no simple one: %s',
    async (range) => {
      const { status, body } = await ask('/ten.txt', 'GET', { range });
      expect([status, body]).toEqual([200, '0123456789']);
    },
  );

  it('answers 416 to a range beyond the end', async () => {
    expect((await ask('/ten.txt', 'GET', { range: 'bytes=20-30' })).status).toBe(416);
  });

  it('is only read, never written', async () => {
    const { status, headers } = await ask('/ten.txt', 'DELETE');
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  it.each(['/none.txt', '/%00', '/%', '/../package.json', '/..%2f..%2fetc%2fpasswd'])(
    'answers 404 to %s',
    async (path) => {
      expect((await ask(path)).status).toBe(404);
    },
  );

  it.each(['/.env', '/.git/config', '/%2egit/config', '/%2e%65nv'])('hides %s', async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  it('shows what is well known', async () => {
    expect((await ask('/.well-known/security.txt')).status).toBe(200);
  });

  it('survives a file that cannot be read', async () => {
    const file = join(dir, 'locked.txt');
    writeFileSync(file, 'locked');
    chmodSync(file, 0o000);
    // Whoever may read everything gets the file; everyone else a response that is cut.
    const locked = await ask('/locked.txt').catch((error: unknown) => error);
    expect(locked).toBeDefined();
    expect((await ask('/ten.txt')).status).toBe(200);
  });
});
