import { connect } from 'bothways';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, TestCommand } from '../test-command.js';

describe('playground', () => {
  let command: TestCommand;
  let address: string;

  beforeAll(async () => {
    command = new TestCommand(['playground', '--port', '0']);
    address = await command.address();
  });

  afterAll(async () => command[Symbol.asyncDispose]());

  it('says in one line where it is', () => {
    expect(command.stdout).toBe(`Playground: http://${address}\n`);
  });

  it('serves the page with a strict policy, to be asked for anew each time', async () => {
    const { status, headers } = await fetch(`http://${address}`);
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-cache');
    const again = await fetch(`http://${address}`, {
      headers: { 'If-None-Match': headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
  });

  it('serves what has a hash in its name for ever, and all that the page names', async () => {
    const page = await (await fetch(`http://${address}`)).text();
    const named = [...page.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, path = '']) => path);
    const assets = named.filter((path) => path.startsWith('assets/'));
    expect(assets.length).toBeGreaterThan(0);
    for (const path of named) {
      const { status, headers } = await fetch(`http://${address}${path}`);
      const forever = path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
      expect([path, status, headers.get('cache-control')]).toEqual([path, 200, forever]);
    }
  });

  it('talks at /talk and nowhere else, with its own pages and no others', async () => {
    const own = await connect(`ws://${address}talk`, { origin: `http://${address.slice(0, -1)}` });
    own.send(JSON.stringify({ type: 'hello', name: 'Ada', key: '0123456789abcdef' }));
    for await (const message of own) {
      expect(JSON.parse(String(message))).toMatchObject({ type: 'welcome', you: { name: 'Ada' } });
      break;
    }
    await expect(connect(`ws://${address}other`)).rejects.toMatchObject({ status: 404 });
    await expect(connect(`ws://${address}talk`, { origin: 'https://example.org' })).rejects.toMatchObject({
      status: 403,
    });
  });

  it('closes a connection that sends nonsense, with the reason', async () => {
    const socket = await connect(`ws://${address}talk`);
    socket.send('nonsense');
    expect(await socket.closed).toMatchObject({ code: 1007, reason: 'The message is not JSON' });
  });
});

it('takes its port from the environment, unless it is told another', async () => {
  await using command = new TestCommand(['playground'], { PORT: '0' });
  expect(await command.address()).toMatch(/^127\.0\.0\.1:\d+\/$/);
  const { status, stderr } = await runCommand(['playground'], '', { PORT: 'abc' });
  expect([status, stderr]).toEqual([
    1,
    "error: option '--port <number>' value 'abc' from env 'PORT' is invalid. It must be a whole number from 0 to 65535.\n",
  ]);
});

it('says in one line that its port is taken, and ends', async () => {
  await using first = new TestCommand(['playground', '--port', '0']);
  const { port } = new URL(`http://${await first.address()}`);
  const { status, stderr } = await runCommand(['playground', '--port', port]);
  expect(stderr).toMatch(
    /^bothways: Cannot listen on 127\.0\.0\.1 port \d+: another program listens there\. [^\n]+\n$/,
  );
  expect(status).toBe(1);
});
