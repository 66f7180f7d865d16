import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve, type Handlers, type RequestInfo, type ServeOptions, type Server } from 'bothways';
import { describe, expect, it } from 'vitest';
import { runCommand, TestCommand } from '../test-command.js';

const echo: Handlers = { message: (socket, message) => void socket.send(message) };

const sendMuch: Handlers['open'] = (socket) => {
  for (let n = 0; n < 1000; n++) socket.send(`line ${n}`);
};

async function listen(handlers: Handlers, options: ServeOptions = {}): Promise<Server> {
  return serve({ port: 0, host: '127.0.0.1', ...options }, handlers);
}

describe('connect, in a pipe', () => {
  it('sends each line as a message, prints each message as a line, and closes with 1000 at the end', async () => {
    let code = 0;
    const close = (_socket: unknown, closeCode: number): void => void (code = closeCode);
    await using server = await listen({ ...echo, close });
    const { status, stdout, stderr } = await runCommand(['connect', server.url], 'one\n\nzwei 👋\r\nlast');
    expect(stdout).toBe('one\n\nzwei 👋\nlast\n');
    expect(stderr).toBe(`Connected to ${server.url}\nClosed with 1000\n`);
    expect([status, code]).toEqual([0, 1000]);
  });

  it('loses nothing of a large input', async () => {
    await using server = await listen(echo);
    const lines = `${Array.from({ length: 50_000 }, (_, n) => `line ${n}`).join('\n')}\n`;
    const { status, stdout, stderr } = await runCommand(['connect', server.url], lines);
    expect(stderr).toBe(`Connected to ${server.url}\nClosed with 1000\n`);
    expect(stdout === lines).toBe(true);
    expect(status).toBe(0);
  });

  it('prints no password', async () => {
    const { status, stderr } = await runCommand(['connect', 'ws://ada:secret@127.0.0.1:1/']);
    expect(stderr).toMatch(/^bothways: Cannot connect to ws:\/\/127\.0\.0\.1:1\/: /);
    expect(stderr).not.toContain('secret');
    expect(status).toBe(1);
  });

  it('receives while it sends nothing', async () => {
    await using server = await listen({ open: (socket) => void socket.send('unasked') });
    await using command = new TestCommand(['connect', server.url]);
    await command.says(/^unasked\n/);
    command.process.stdin.end();
    expect(await command.ended()).toBe(0);
  });

  it('prints binary messages as hex digits', async () => {
    await using server = await listen({ open: (socket) => void socket.send(new Uint8Array([0, 171, 255])) });
    const { stdout } = await runCommand(['connect', server.url]);
    expect(stdout).toBe('00abff\n');
  });

  it('sends the header fields and offers the subprotocols that are given', async () => {
    let seen: RequestInfo | undefined;
    const open: Handlers['open'] = (socket) => void (seen = socket.request);
    await using server = await listen({ open }, { protocols: ['v12.stomp'] });
    const headers = ['-H', 'X-One: 1', '-H', 'X-Two: a: b'];
    const protocols = ['-p', 'v11.stomp', '-p', 'v12.stomp'];
    const { stderr } = await runCommand(['connect', server.url, ...headers, ...protocols]);
    expect(stderr).toContain('subprotocol v12.stomp');
    expect(seen?.headers).toMatchObject({ 'x-one': '1', 'x-two': 'a: b' });
    expect(seen?.protocols).toEqual(['v11.stomp', 'v12.stomp']);
  });

  it.each<[number | undefined, string, number]>([
    [1000, 'done', 0],
    [1001, 'restarting', 0],
    [1011, 'broken', 1],
    [4000, '', 1],
  ])('ends when the server closes with %s, and its exit status says how', async (code, reason, expected) => {
    await using server = await listen({ open: (socket) => socket.close(code, reason) });
    await using command = new TestCommand(['connect', server.url]);
    expect(await command.ended()).toBe(expected);
    expect(command.stderr).toContain(`Closed with ${code}${reason === '' ? '' : `: ${reason}`}\n`);
  });

  it('ends with status 1 when the connection is lost', async () => {
    await using server = await listen({ message: (socket) => socket.terminate() });
    const { status, stderr } = await runCommand(['connect', server.url], 'Cut me off\n');
    expect(stderr).toContain('Closed with 1006');
    expect(status).toBe(1);
  });

  it('closes with 1000 when it is interrupted', async () => {
    await using server = await listen(echo);
    await using command = new TestCommand(['connect', server.url]);
    await command.says(/Connected/);
    command.stop('SIGINT');
    expect(await command.ended()).toBe(0);
    expect(command.stderr).toContain('Closed with 1000');
  });

  it('ends quietly when nobody reads its output any more', async () => {
    await using server = await listen({ ...echo, open: sendMuch });
    await using command = new TestCommand(['connect', server.url]);
    command.process.stdout.destroy();
    command.process.stdin.write('another\nline\n');
    expect(await command.ended()).toBe(0);
    expect(command.stderr).toBe(`Connected to ${server.url}\nClosed with 1000\n`);
  });
});

describe('what the user can mend is one line and exit status 1', () => {
  it.each<[string, string[], string]>([
    [
      'a server that is not there',
      ['ws://127.0.0.1:1/'],
      'bothways: Cannot connect to ws://127.0.0.1:1/: nothing listens there. Check the address, and that the server runs.\n',
    ],
    [
      'a header that is none',
      ['ws://127.0.0.1:1/', '-H', 'nonsense'],
      "error: option '-H, --header <header>' argument 'nonsense' is invalid. It must be 'Name: value', such as 'Authorization: Bearer abc'.\n",
    ],
    ['no address', [], "error: missing required argument 'url'\n"],
  ])('%s', async (_what, args, expected) => {
    const { status, stdout, stderr } = await runCommand(['connect', ...args]);
    expect([status, stdout, stderr]).toEqual([1, '', expected]);
  });

  it('an address that is none', async () => {
    const { status, stderr } = await runCommand(['connect', 'nonsense']);
    expect(stderr).toMatch(/^bothways: Cannot connect to nonsense: [^\n]+\n$/);
    expect(status).toBe(1);
  });

  it('a server that says no', async () => {
    const server = createServer((_request, response) => response.writeHead(401).end('Who are you?'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { status, stderr } = await runCommand(['connect', `ws://127.0.0.1:${port}/`]);
    server.close();
    expect(stderr).toMatch(/^bothways: Cannot connect to [^\n]+401[^\n]+-H or -p\.\n$/);
    expect(status).toBe(1);
  });
});
