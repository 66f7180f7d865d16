import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from 'bothways';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Recorder } from '../gateway/recording.js';
import { runCommand, TestCommand } from '../test-command.js';

let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bothways-recording-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

const header = {
  recording: 1,
  time: '2026-01-02T03:04:05.678Z',
  route: 'stomp',
  protocol: 'stomp',
  user: 'ada',
  address: '127.0.0.1',
  handshake: { url: '/stomp', headers: { host: 'example.com' } },
  redacted: true,
};

const conversation: readonly object[] = [
  header,
  { t: 1, from: 'client', text: 'CONNECT\npasscode:***\n\n\0', redacted: true },
  { t: 12, from: 'server', base64: Buffer.from('CONNECTED\nversion:1.2\n\n\0').toString('base64') },
  { t: 1234, from: 'client', text: 'SEND\ndestination:/a\n\nhe' },
  { t: 1235, from: 'client', text: '\u001B]llo\0' },
  { t: 1300, from: 'client', length: 45 },
  { t: 1400, note: 'max_bytes is reached' },
  { t: 1500, end: { code: 1001, reason: 'bye', by: 'gateway' } },
];

let count = 0;

async function write(lines: readonly (object | string)[], isWhole = true): Promise<string> {
  const file = join(directory, `${++count}.ndjson`);
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  await writeFile(file, texts.join('\n') + (isWhole ? '\n' : ''));
  return file;
}

describe('recording show', () => {
  it('tells what each message says', async () => {
    const { status, stdout, stderr } = await runCommand(['recording', 'show', await write(conversation)]);
    expect(stdout.split('\n')).toEqual([
      '2026-01-02T03:04:05.678Z  stomp  route stomp  user ada  from 127.0.0.1',
      'GET /stomp',
      '  host: example.com',
      '',
      '    0.001 s → CONNECT passcode=***',
      '    0.012 s ← CONNECTED version=1.2',
      '    1.235 s → SEND destination=/a 7 bytes',
      '              0x68651b5d6c6c6f',
      '    1.300 s → (45 bytes, left out of the recording)',
      '    1.400 s   Cut short: max_bytes is reached',
      '    1.500 s   Closed with 1001 by the gateway: bye',
      '',
    ]);
    expect([status, stderr]).toEqual([0, '']);
  });

  it('shows messages as they are with --raw, and control characters instead of obeying them', async () => {
    const { stdout } = await runCommand(['recording', 'show', await write(conversation), '--raw']);
    expect(stdout).toContain('    1.234 s → SEND\\ndestination:/a\\n\\nhe\n    1.235 s → \\e]llo\\x00\n');
  });

  it('prints an object for each message with --json', async () => {
    const { stdout } = await runCommand(['recording', 'show', await write(conversation), '--json']);
    const objects = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(objects).toEqual([
      header,
      { t: 1, from: 'client', name: 'CONNECT', summary: 'CONNECT passcode=***', fields: { passcode: '***' } },
      {
        t: 12,
        from: 'server',
        name: 'CONNECTED',
        summary: 'CONNECTED version=1.2',
        fields: { version: '1.2' },
      },
      {
        t: 1235,
        from: 'client',
        name: 'SEND',
        summary: 'SEND destination=/a 7 bytes',
        fields: { destination: '/a' },
        text: 'he\u001B]llo',
      },
      ...conversation.slice(5),
    ]);
  });

  it('shows what there is of a recording that was cut off, and says so', async () => {
    const file = await write([...conversation.slice(0, 3), '{"t":5,"fr'], false);
    const { status, stdout, stderr } = await runCommand(['recording', 'show', file]);
    expect(stdout).toMatch(/CONNECTED version=1\.2\n$/);
    expect(stderr).toBe('The recording has no end: it was cut off, or is still being written.\n');
    expect(status).toBe(0);
  });

  it.each<[string, (object | string)[], string]>([
    ['an empty file', [], 'line 1 is no JSON.'],
    ['another file', ['hello'], 'line 1 is no JSON.'],
    ['JSON of something else', ['{}'], 'line 1 is not the beginning of a recording.'],
    ['a number', ['7'], 'line 1 is no JSON object.'],
    [
      'a later version',
      [{ ...header, recording: 2 }],
      'line 1 is of version 2 of the format, which this program does not know yet.',
    ],
    [
      'a header that lacks something',
      [{ ...header, route: 7 }],
      'line 1 is wrong: route: Invalid input: expected string, received number.',
    ],
    ['a line that is broken', [header, '{"t":'], 'line 2 is no JSON.'],
    [
      'a message of nobody',
      [header, { t: 1, from: 'me', text: '' }],
      'line 2 is wrong: from: Invalid option: expected one of "client"|"server".',
    ],
    [
      'a message without content',
      [header, { t: 1, from: 'client' }],
      'line 2 is wrong: has to have one of text, base64 and length.',
    ],
    [
      'base64 that is none',
      [header, { t: 1, from: 'client', base64: '*' }],
      'line 2 is wrong: base64: is no base64.',
    ],
  ])('names the line of %s', async (_what, lines, complaint) => {
    const file = await write(lines);
    const { status, stderr } = await runCommand(['recording', 'show', file]);
    expect([status, stderr]).toEqual([1, `bothways: ${file}: ${complaint}\n`]);
  });

  it('does not take lines that never end', async () => {
    const file = await write(['x'.repeat(33 * 1024 * 1024)]);
    const { status, stderr } = await runCommand(['recording', 'show', file]);
    expect([status, stderr]).toEqual([1, `bothways: ${file}: line 1 is longer than 33554432 bytes.\n`]);
  });

  it('says that a file is not there', async () => {
    const { status, stderr } = await runCommand(['recording', 'show', 'nowhere.ndjson']);
    const expected =
      'bothways: Cannot read nowhere.ndjson: there is no such file or folder. Check the path.\n';
    expect([status, stderr]).toEqual([1, expected]);
  });

  it('ends when nobody reads any more', async () => {
    const messages = Array.from({ length: 50_000 }, () => ({
      t: 1,
      from: 'server',
      text: 'MESSAGE\n\nhello\0',
    }));
    await using command = new TestCommand(['recording', 'show', await write([header, ...messages])]);
    await command.says(/MESSAGE/);
    command.process.stdout.destroy();
    expect(await command.ended()).toBe(0);
    expect(command.stderr).toBe('');
  });
});

describe('recording list', () => {
  it('names the recordings of a folder, the oldest first, and what is wrong with one', async () => {
    const folder = join(directory, 'list');
    const config = { directory: folder, max_bytes: 1e6, max_total_bytes: 1e7, sample: 1, redact: true };
    const recorder = new Recorder('r', config, { log: { warn: () => {} } });
    const handshake = { url: '/', headers: {} };
    recorder.begin({ protocol: 'mqtt', address: '::1', handshake })!.end({ code: 1000, reason: '' });
    await recorder.flush();
    await writeFile(join(folder, 'broken.ndjson'), 'hello\n');
    const [name = ''] = await readdir(folder);
    const { status, stdout } = await runCommand(['recording', 'list', folder]);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((row) => row.split(/ {2,}/));
    expect(rows).toEqual([
      ['TIME', 'ROUTE', 'PROTOCOL', 'USER', 'ADDRESS', 'BYTES', 'END', 'FILE'],
      [
        expect.stringMatching(/^\d{4}-/),
        'r',
        'mqtt',
        '-',
        '::1',
        expect.stringMatching(/^\d+$/),
        '1000',
        name,
      ],
      ['-', '-', '-', '-', '-', '-', 'line 1 is no JSON.', 'broken.ndjson'],
    ]);
    expect(status).toBe(0);
  });

  it('says that a folder is not there', async () => {
    const { status, stderr } = await runCommand(['recording', 'list', 'nowhere']);
    expect(stderr).toBe(
      'bothways: Cannot list nowhere: there is no such file or folder. Name the folder that a route records to.\n',
    );
    expect(status).toBe(1);
  });
});

const talk: readonly object[] = [
  { ...header, protocol: 'raw' },
  { t: 1, from: 'client', text: 'one' },
  { t: 2, from: 'server', text: 'one' },
  { t: 60_000, from: 'client', base64: 'AAE=' },
  { t: 60_001, from: 'server', base64: 'AAE=' },
  { t: 60_002, end: { code: 1000, reason: '', by: 'client' } },
];

describe('recording replay', () => {
  it('sends what the client has sent, as fast as it is answered, and prints the answers', async () => {
    await using server = new TestCommand(['serve', '--echo', '--port', '0']);
    const url = `ws://${await server.address()}`;
    const { status, stdout, stderr } = await runCommand([
      'recording',
      'replay',
      await write(talk),
      url,
      '--speed',
      '0',
    ]);
    const texts = stdout.split('\n').map((line) => line.replace(/^ *\d+\.\d{3} s /, ''));
    expect(texts).toEqual([
      '← text 3 bytes',
      '              one',
      '← binary 2 bytes',
      '              0x0001',
      '',
    ]);
    expect([status, stderr]).toEqual([0, 'Sent 2 messages, received 2. Closed with 1000\n']);
  });

  it('keeps the pace, times a factor', async () => {
    await using server = new TestCommand(['serve', '--echo', '--port', '0']);
    const url = `ws://${await server.address()}`;
    const file = await write(talk);
    const { status, stdout } = await runCommand(['recording', 'replay', file, url, '--speed', '100']);
    // The second message is sent after 60 s, or 0.6 s.
    const [, time] = /([\d.]+) s ← binary/.exec(stdout)!;
    expect(Number(time)).toBeGreaterThanOrEqual(0.59);
    expect(status).toBe(0);
  });

  it('is content when the other side closes as it did', async () => {
    await using server = await serve(
      { port: 0, host: '127.0.0.1' },
      { message: (socket) => socket.close(4001, 'enough') },
    );
    const lines = [
      ...talk.slice(0, 2),
      ...talk.slice(3, 4),
      { t: 9, end: { code: 4001, reason: '', by: 'gateway' } },
    ];
    const file = await write(lines);
    const { status, stderr } = await runCommand(['recording', 'replay', file, server.url, '--speed', '1000']);
    expect(stderr).toMatch(/Closed with 4001: enough\n$/);
    expect(status).toBe(0);
  });

  it('fails when the other side closes before all is sent', async () => {
    await using server = await serve(
      { port: 0, host: '127.0.0.1' },
      { message: (socket) => socket.close(4001, 'enough') },
    );
    const file = await write(talk);
    const { status, stderr } = await runCommand(['recording', 'replay', file, server.url, '--speed', '0']);
    expect(stderr).toMatch(
      /\nbothways: The other side closed with 4001: enough before 1 messages more could be sent\. The recording ended with 1000\.\n$/,
    );
    expect(status).toBe(1);
  });

  it('offers the subprotocol that was agreed on', async () => {
    let offered: readonly string[] = [];
    await using server = await serve(
      {
        port: 0,
        host: '127.0.0.1',
        protocols: ['v12.stomp'],
        accept: (request) => void (offered = request.protocols),
      },
      {},
    );
    const file = await write([{ ...header, subprotocol: 'v12.stomp' }]);
    const { status } = await runCommand(['recording', 'replay', file, server.url]);
    expect(offered).toEqual(['v12.stomp']);
    expect(status).toBe(0);
  });

  it('does not send what was left out', async () => {
    await using server = await serve({ port: 0, host: '127.0.0.1' }, {});
    const file = await write([header, { t: 0, from: 'client', length: 9 }]);
    const { status, stderr } = await runCommand(['recording', 'replay', file, server.url]);
    expect(stderr).toBe(
      `bothways: ${file}: line 2 is a message whose content was left out, for a secret may be in it: it cannot be sent. Record with redact = false.\n`,
    );
    expect(status).toBe(1);
  });

  it('says that nobody is there', async () => {
    const { status, stderr } = await runCommand([
      'recording',
      'replay',
      await write(talk),
      'ws://127.0.0.1:1/',
    ]);
    expect(stderr).toBe(
      'bothways: Cannot connect to ws://127.0.0.1:1/: nothing listens there. Check the address, and that the server runs.\n',
    );
    expect(status).toBe(1);
  });
});
