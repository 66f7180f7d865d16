import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecordingConfig } from './config/schema.js';
import { RECORDING_NAME } from './recording-folder.js';
import { Recorder, type RecorderOptions, type RecordingFile, type RecordingSubject } from './recording.js';

let directory = '';
let warnings: string[] = [];

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'bothways-recording-')), 'recordings');
  warnings = [];
});

afterEach(async () => {
  await rm(join(directory, '..'), { recursive: true });
});

const log = { warn: (_about: object, message: string): void => void warnings.push(message) };

function recorder(config: Partial<RecordingConfig> = {}, options: Partial<RecorderOptions> = {}): Recorder {
  const defaults = { directory, max_bytes: 1e6, max_total_bytes: 1e7, sample: 1, redact: true };
  return new Recorder('r', { ...defaults, ...config }, { log, ...options });
}

const subject: RecordingSubject = {
  protocol: 'stomp',
  subprotocol: 'v12.stomp',
  user: 'ada',
  address: '127.0.0.1',
  upstream: 'tcp://127.0.0.1:61613',
  handshake: { url: '/stomp?token=abc', headers: { cookie: 'a=b', origin: 'http://localhost' } },
};

async function files(): Promise<string[]> {
  return (await readdir(directory)).toSorted();
}

/** The lines of the only recording. */
async function lines(): Promise<Record<string, unknown>[]> {
  const names = await files();
  expect(names).toHaveLength(1);
  const text = await readFile(join(directory, names[0]!), 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A file whose writes end when they are told to. */
class SlowFile implements RecordingFile {
  written = '';
  #release: () => void = () => {};
  readonly #released = new Promise<void>((resolve) => (this.#release = resolve));

  async appendFile(bytes: Uint8Array): Promise<void> {
    await this.#released;
    this.written += Buffer.from(bytes).toString();
  }

  async close(): Promise<void> {}

  release(): void {
    this.#release();
  }
}

describe('a recording', () => {
  it('has how it began, each message and how it ended, without secrets', async () => {
    const recording = recorder().begin(subject)!;
    recording.message('client', 'CONNECT\npasscode:secret\n\n\0');
    recording.message('server', Buffer.from('CONNECTED\n\n\0'));
    recording.message('client', 'SEND\n\nhal');
    recording.message('client', 'CONN');
    recording.end({ code: 1001, reason: 'bye', by: 'gateway' });
    recording.message('client', 'SEND\n\nlate\0');
    await recording.done;
    const t = expect.any(Number) as number;
    expect(await lines()).toEqual([
      {
        recording: 1,
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
        route: 'r',
        protocol: 'stomp',
        subprotocol: 'v12.stomp',
        user: 'ada',
        address: '127.0.0.1',
        upstream: 'tcp://127.0.0.1:61613',
        handshake: { url: '/stomp?token=***', headers: { cookie: '***', origin: 'http://localhost' } },
        redacted: true,
      },
      { t, from: 'client', text: 'CONNECT\npasscode:***\n\n\0', redacted: true },
      { t, from: 'server', base64: Buffer.from('CONNECTED\n\n\0').toString('base64') },
      { t, from: 'client', text: 'SEND\n\nhal' },
      { t, from: 'client', text: 'CONN' },
      { t, end: { code: 1001, reason: 'bye', by: 'gateway' } },
    ]);
  });

  it('has everything when redact is off', async () => {
    const recording = recorder({ redact: false }).begin(subject)!;
    recording.message('client', 'CONNECT\npasscode:secret\n\n\0');
    recording.end({ code: 1000, reason: '' });
    await recording.done;
    const [header, message] = await lines();
    expect(header).toMatchObject({ redacted: false, handshake: { url: '/stomp?token=abc' } });
    expect(message).toMatchObject({ text: 'CONNECT\npasscode:secret\n\n\0' });
  });

  it('has the length alone of what may be secret', async () => {
    const recording = recorder().begin({ ...subject, protocol: 'raw' })!;
    recording.message('client', 'AUTH gehéim');
    recording.end({ code: 1000, reason: '' });
    await recording.done;
    expect((await lines())[1]).toEqual({ t: expect.any(Number) as number, from: 'client', length: 12 });
  });

  it('is of its owner alone, and has a name that is sorted by time and cannot be guessed', async () => {
    const writer = recorder();
    for (let n = 0; n < 2; n++) writer.begin(subject)!.end({ code: 1000, reason: '' });
    await writer.flush();
    const [name, other] = await files();
    expect(name).toMatch(RECORDING_NAME);
    expect(name!.slice(-39)).not.toBe(other!.slice(-39));
    expect((await stat(join(directory, name!))).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });
});

describe('limits', () => {
  it('max_bytes cuts it short, with a note', async () => {
    const recording = recorder({ max_bytes: 4_000 }).begin(subject)!;
    for (let n = 0; n < 100; n++) recording.message('server', `MESSAGE\n\n${n}\0`);
    recording.end({ code: 1000, reason: '' });
    await recording.done;
    const all = await lines();
    expect(all.slice(-2)).toMatchObject([{ note: 'max_bytes is reached' }, { end: { code: 1000 } }]);
    expect(all.length).toBeGreaterThan(5);
    expect((await stat(join(directory, (await files())[0]!))).size).toBeLessThanOrEqual(4_000);
    expect(warnings).toEqual(['A recording is cut short: max_bytes is reached']);
  });

  it('max_bytes that is less than a header records nothing, and says so', () => {
    expect(recorder({ max_bytes: 100 }).begin(subject)).toBeUndefined();
    expect(warnings).toEqual(['A connection is not recorded: max_bytes is too small']);
  });

  it('max_total_bytes deletes the oldest, of earlier times too, and nothing else', async () => {
    const first = recorder();
    for (let n = 0; n < 2; n++) {
      const recording = first.begin(subject)!;
      recording.message('server', `MESSAGE\n\n${'x'.repeat(6_000)}\0`);
      recording.end({ code: 1000, reason: '' });
      await recording.done;
    }
    const [oldest, older] = await files();
    await writeFile(join(directory, '0.txt'), 'x'.repeat(5_000));
    const second = recorder({ max_total_bytes: 18_000 });
    const recording = second.begin(subject)!;
    recording.message('server', `MESSAGE\n\n${'x'.repeat(6_000)}\0`);
    recording.end({ code: 1000, reason: '' });
    await recording.done;
    const left = await files();
    expect(left).not.toContain(oldest);
    expect(left).toContain(older);
    expect(left).toContain('0.txt');
    expect(left).toHaveLength(3);
  });

  it('max_total_bytes cuts a recording short when all others are being written', async () => {
    const recording = recorder({ max_total_bytes: 5_000 }).begin(subject)!;
    recording.message('server', `MESSAGE\n\n${'x'.repeat(6_000)}\0`);
    recording.end({ code: 1000, reason: '' });
    await recording.done;
    expect((await lines()).slice(1)).toMatchObject([
      { note: 'max_total_bytes is reached' },
      { end: { code: 1000 } },
    ]);
  });

  it('sample is the share of connections that are recorded', () => {
    const numbers = [0.2, 0.25, 0.1];
    const writer = recorder(
      { sample: 0.25 },
      { random: () => numbers.shift()!, openFile: async () => new SlowFile() },
    );
    expect([1, 2, 3].map(() => writer.begin(subject) !== undefined)).toEqual([true, false, true]);
    expect(recorder({ sample: 0 }).begin(subject)).toBeUndefined();
  });

  it('a thousand are written at a time, and the log says once that others are not', () => {
    const writer = recorder({}, { openFile: async () => new SlowFile() });
    const begun = Array.from({ length: 1_002 }, () => writer.begin(subject));
    expect(begun.filter((recording) => recording !== undefined)).toHaveLength(1_000);
    expect(warnings).toHaveLength(1);
  });
});

describe('a disk', () => {
  it('that is too slow cuts a recording short, and holds up nobody', async () => {
    const file = new SlowFile();
    const recording = recorder({ max_bytes: 1e8 }, { openFile: async () => file }).begin(subject)!;
    for (let n = 0; n < 100; n++) recording.message('server', `MESSAGE\n\n${'x'.repeat(100_000)}\0`);
    recording.end({ code: 1000, reason: '' });
    expect(warnings).toEqual(['A recording is cut short: the disk is too slow']);
    file.release();
    await recording.done;
    const written = file.written.trimEnd().split('\n');
    expect(written.length).toBeLessThan(15);
    expect(written.slice(-2).join()).toMatch(/"note":"the disk is too slow".+"end":/);
  });

  it('that is full ends a recording; the log says so, and nothing throws', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    const file = { appendFile: async () => Promise.reject(full), close: async () => {} };
    const recording = recorder({}, { openFile: async () => file }).begin(subject)!;
    recording.message('client', 'SEND\n\n\0');
    await recording.done;
    recording.message('client', 'SEND\n\n\0');
    recording.end({ code: 1000, reason: '' });
    expect(warnings).toEqual(['A recording has failed']);
  });

  it('where the folder cannot be made records nothing, and says so', async () => {
    await writeFile(directory, 'a file');
    const recording = recorder().begin(subject)!;
    await recording.done;
    expect(warnings).toEqual(['A recording has failed']);
  });
});
