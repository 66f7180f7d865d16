import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Connection } from 'bothways';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, TestCommand } from '../test-command.js';

const dir = mkdtempSync(join(tmpdir(), 'serve-command-'));
const certificate = join(dir, 'cert.pem');
const key = join(dir, 'key.pem');

beforeAll(() => {
  writeFileSync(join(dir, 'hello.txt'), 'Hello');
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '1'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', ...curve, ...names, ...files], { stdio: 'ignore' });
});

afterAll(() => rmSync(dir, { recursive: true }));

async function next(socket: Connection): Promise<string | Uint8Array | undefined> {
  for await (const message of socket) return message;
  return undefined;
}

describe('serve --echo', () => {
  it('echoes text and binary messages at every path, beside the files of a folder', async () => {
    await using command = new TestCommand(['serve', dir, '--echo', '--port', '0']);
    const address = await command.address();
    const socket = await connect(`ws://${address}any/path?query=1`);
    socket.send('Grüße 👋');
    socket.send(new Uint8Array([0, 255]));
    socket.close();
    const echoes: unknown[] = [];
    for await (const message of socket) echoes.push(message);
    expect(echoes).toEqual(['Grüße 👋', Buffer.from([0, 255])]);
    const response = await fetch(`http://${address}hello.txt`);
    expect(await response.text()).toBe('Hello');
  });

  it('slows down who does not read, and loses nothing', async () => {
    await using command = new TestCommand(['serve', '--echo', '--port', '0']);
    const socket = await connect(`ws://${await command.address()}`);
    const count = 400;
    const filler = 'x'.repeat(100_000);
    const sending = (async () => {
      for (let n = 0; n < count; n++) if (!socket.send(`${n} ${filler}`)) await socket.ready;
      socket.close();
    })();
    // Reads one message at a time, and only as fast as it asks for them.
    let expected = 0;
    for await (const message of socket) {
      expect(String(message).startsWith(`${expected} x`)).toBe(true);
      expected++;
    }
    await sending;
    expect(expected).toBe(count);
  });

  it('compresses for who offers it, with --compression, and for nobody without', async () => {
    const args = ['serve', '--echo', '--port', '0'];
    await using plain = new TestCommand(args);
    await using command = new TestCommand([...args, '--compression']);
    const long = 'x'.repeat(5000);
    for (const [server, agreed] of [
      [plain, ''],
      [command, ', permessage-deflate; server_no_context_takeover; client_no_context_takeover'],
    ] as const) {
      const url = `ws://${await server.address()}`;
      const { stdout, stderr } = await runCommand(['connect', url, '--compression'], `${long}\n`);
      expect(stdout).toBe(`${long}\n`);
      expect(stderr).toContain(`Connected to ${url}${agreed}\n`);
    }
  });

  it('refuses messages that are longer than it should take', async () => {
    await using command = new TestCommand(['serve', '--echo', '--port', '0', '--max-message-size', '10']);
    const socket = await connect(`ws://${await command.address()}`);
    socket.send('0123456789');
    expect(await next(socket)).toBe('0123456789');
    socket.send('0123456789a');
    expect((await socket.closed).code).toBe(1009);
  });

  it('lets pages of the given origins connect, and no others', async () => {
    const args = ['serve', '--echo', '--port', '0'];
    const origins = ['--origin', 'https://*.example.com', '--origin', 'http://localhost:*'];
    await using command = new TestCommand([...args, ...origins]);
    const url = `ws://${await command.address()}`;
    for (const origin of ['https://app.example.com', 'http://localhost:5173']) {
      const socket = await connect(url, { origin });
      socket.close();
      await socket.closed;
    }
    await expect(connect(url, { origin: 'https://example.org' })).rejects.toMatchObject({ status: 403 });
  });

  it('speaks https and wss with a certificate', async () => {
    const tls = ['--tls-cert', certificate, '--tls-key', key];
    await using command = new TestCommand(['serve', dir, '--echo', '--port', '0', ...tls]);
    const [address] = await command.says(/https:\/\/\S+/);
    const { status, stdout } = await runCommand(['connect', address.replace('https:', 'wss:')], 'secret\n', {
      NODE_EXTRA_CA_CERTS: certificate,
    });
    expect([status, stdout]).toEqual([0, 'secret\n']);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('says goodbye with 1001 at %s and ends well', async (signal) => {
    await using command = new TestCommand(['serve', '--echo', '--port', '0']);
    const socket = await connect(`ws://${await command.address()}`);
    command.stop(signal);
    expect(await socket.closed).toMatchObject({ code: 1001, reason: 'The server is shutting down' });
    expect(await command.ended()).toBe(0);
    expect(command.stderr).toBe('');
  });
});

describe('serve --workers', () => {
  it('shares the connections among processes, and ends them all at a signal', async () => {
    await using command = new TestCommand(['serve', dir, '--echo', '--port', '0', '--workers', '2']);
    const address = await command.address();
    await command.says(/^Workers: 2$/m);
    const clients: Connection[] = [];
    for (let i = 0; i < 4; i++) clients.push(await connect(`ws://${address}`));
    for (const client of clients) {
      client.send('hello');
      expect(await next(client)).toBe('hello');
    }
    const response = await fetch(`http://${address}hello.txt`);
    expect(await response.text()).toBe('Hello');
    const children = execFileSync('ps', ['--ppid', `${command.process.pid}`, '-o', 'pid='], {
      encoding: 'utf8',
    });
    const pids = children.trim().split(/\s+/).map(Number);
    expect(pids).toHaveLength(2);
    // When one is stopped, every second connection is not answered: the two share them.
    process.kill(pids[0]!, 'SIGKILL');
    const codes = await Promise.race([
      Promise.all([clients[0]!.closed, clients[2]!.closed]),
      Promise.all([clients[1]!.closed, clients[3]!.closed]),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([1006, 1006]);
    await command.says(/ended with SIGKILL; another starts in 100 ms/);
    command.stop();
    expect(await command.ended()).toBe(0);
    for (const client of clients) expect([1001, 1006]).toContain((await client.closed).code);
    expect(command.stdout).toBe(`Listening: http://${address}\nWorkers: 2\n`);
  });

  it('takes "auto" for as many as there are cores', async () => {
    await using command = new TestCommand(['serve', '--port', '0', '--workers', 'auto']);
    expect((await command.says(/^Workers: (\d+)$/m))[1]).toBe(`${availableParallelism()}`);
    command.stop('SIGINT');
    expect(await command.ended()).toBe(0);
  });

  it('says once why it cannot be', async () => {
    const { status, stdout, stderr } = await runCommand(['serve', join(dir, 'no'), '--workers', '3']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe(
      `bothways: Cannot serve ${join(dir, 'no')}: there is no such file or folder. Name a folder that can be read.\n`,
    );
  });

  it('says why a worker cannot be replaced', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'serve-workers-'));
    await using command = new TestCommand(['serve', folder, '--port', '0', '--workers', '1']);
    await command.says(/^Workers: 1$/m);
    rmSync(folder, { recursive: true });
    const pid = execFileSync('ps', ['--ppid', `${command.process.pid}`, '-o', 'pid='], { encoding: 'utf8' });
    process.kill(Number(pid), 'SIGKILL');
    const [said] = await command.says(/^bothways: Cannot serve .*$/m);
    expect(said).toBe(
      `bothways: Cannot serve ${folder}: there is no such file or folder. Name a folder that can be read.`,
    );
  });

  it.each(['0', '-1', '1.5', 'all', '1025'])('refuses "%s"', async (count) => {
    const { status, stderr } = await runCommand(['serve', '--workers', count]);
    expect(status).toBe(1);
    expect(stderr).toContain('It must be a whole number from 1 to 1024, or auto.');
  });
});

describe('what the user can mend is one line and exit status 1', () => {
  it.each<[string, string[], RegExp]>([
    [
      'a folder that is not there',
      ['serve', '/none/such'],
      /Cannot serve \/none\/such: there is no such file/,
    ],
    ['a file in place of a folder', ['serve', process.execPath], /it is not a folder/],
    [
      'a missing certificate',
      ['serve', '--tls-cert', '/none', '--tls-key', '/none'],
      /the certificate \/none/,
    ],
    ['a certificate without its key', ['serve', '--tls-cert', '/none'], /add --tls-key FILE/],
    ['a key without its certificate', ['serve', '--tls-key', '/none'], /add --tls-cert FILE/],
    ['files that are no certificate', ['serve', '--tls-cert', key, '--tls-key', key], /must be in PEM form/],
    ['an address of another machine', ['serve', '--host', '192.0.2.1'], /this machine has no such address/],
    ['an origin that is none', ['serve', '--echo', '--origin', 'example'], /origins/],
    ['a port that is none', ['serve', '--port', '70000'], /whole number from 0 to 65535/],
    ['an unknown option', ['serve', '--loud'], /unknown option '--loud'/],
    ['an unknown command', ['serf'], /unknown command 'serf'/],
  ])('%s', async (_what, args, expected) => {
    const { status, stdout, stderr } = await runCommand(args);
    expect(stderr).toMatch(expected);
    expect(stderr.replace('\n(Did you mean serve?)', '').trimEnd()).not.toContain('\n');
    expect([status, stdout]).toEqual([1, '']);
  });

  it('a port that another program has', async () => {
    await using first = new TestCommand(['serve', '--port', '0']);
    const port = new URL(`http://${await first.address()}`).port;
    const { status, stderr } = await runCommand(['serve', '--echo', '--port', port]);
    expect(stderr).toBe(
      `bothways: Cannot listen on 127.0.0.1 port ${port}: another program listens there. Choose another port with --port, or --port 0 for any free one.\n`,
    );
    expect(status).toBe(1);
  });
});

it.each(['playground', 'serve', 'connect'])('%s --help has an example', async (name) => {
  const { status, stdout } = await runCommand([name, '--help']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/Examples?:\n {2}\$ bothways/);
});
