import { describe, expect, it } from 'vitest';
import { CURVES } from '../../bench/curves.mjs';
import { toMarkdown } from '../../bench/report/markdown.mjs';
import { cliffsOf, describeShape } from '../../bench/report/shape.mjs';
import { judge, targetsOf } from '../../bench/report/targets.mjs';
import { GROUPS, ROWS, type Row } from '../../bench/rows.mjs';

function points(...costs: [x: number, cost: number][]) {
  return costs.map(([x, cost]) => ({ x, cost }));
}

function rowOf(pattern: RegExp): Row {
  return ROWS.find(({ name }) => pattern.test(name))!;
}

/** What a run saw: a figure of each round for each server. */
function entriesOf(costs: Readonly<Record<string, readonly number[]>>) {
  return new Map(
    Object.entries(costs).map(([name, each]) => [
      name,
      { version: '1', costs: each, rates: [], generator: [], server: [], disturbed: [] },
    ]),
  );
}

describe('The rows of the benchmark', () => {
  it('have each a name of their own, a group and a sentence', () => {
    expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length);
    expect(ROWS.filter(({ group }) => !(group in GROUPS))).toEqual([]);
    expect(ROWS.filter(({ shows }) => !shows.endsWith('.'))).toEqual([]);
  });

  it('grow as far as they should', () => {
    const ends = CURVES.map(({ name, points: all }) => [name, all[0]!.x, all.at(-1)!.x]);
    expect(ends).toEqual([
      ['connections', 1, 15_000],
      ['payload', 16, 16 * 1024 * 1024],
      ['subscribers', 10, 10_000],
      ['in-flight', 1, 256],
    ]);
  });
});

describe('A target', () => {
  it.each([
    [/^echo 64 B binary, 64 connections, 1 in/, 'ws 0.75, uws 1, bun 1'],
    [/^echo 64 B binary, 64 connections, 16/, 'ws 0.25, uws 1, bun 1'],
    [/^echo 1 MiB/, 'uws 1, bun 1'],
    [/^compressed echo of 16 KiB/, 'uws 1, bun 1'],
    [/^publish 64 B to 1,000 subscribers, 10 a tick$/, 'ws 0.25, uws 1, bun 1'],
    [/^opening/, 'ws 0.5, uws 1, bun 1'],
    [/^idle connection, resident memory$/, 'net 1024'],
    [/^client: 64 B text/, 'ws 1, undici 1'],
    [/^latency/, ''],
  ])('of %s is what the design says', (pattern, expected) => {
    const targets = targetsOf(rowOf(pattern));
    expect(targets.map(({ peer, most }) => `${peer} ${most}`).join(', ')).toBe(expected);
  });

  it('is judged by the median of the rounds, as it is printed', () => {
    const entries = entriesOf({ bothways: [1, 9, 2], ws: [4, 4, 8] });
    expect(judge({ peer: 'ws', of: 'ratio', most: 0.25 }, entries)).toEqual({ measured: 0.25, isMet: true });
    expect(judge({ peer: 'ws', of: 'ratio', most: 0.24 }, entries)).toMatchObject({ isMet: false });
    expect(judge({ peer: 'uws', of: 'ratio', most: 1 }, entries)).toBeUndefined();
  });

  it('of memory is judged by the difference', () => {
    const entries = entriesOf({ bothways: [4200], net: [3200] });
    const target = { peer: 'net', of: 'difference', most: 1024 } as const;
    expect(judge(target, entries)).toEqual({ measured: 1000, isMet: true });
  });
});

describe('The shape of a curve', () => {
  const flat = { shape: 'flat', unit: 'µs', axis: 'connections' } as const;
  const linear = { shape: 'linear', unit: 'µs', axis: 'bytes' } as const;

  it('has a cliff where a flat one rises from one point to the next', () => {
    expect(cliffsOf('flat', points([1, 10], [10, 11], [100, 30], [1000, 29]))).toEqual([
      { from: 10, to: 100, grown: 30 / 11 },
    ]);
    expect(cliffsOf('flat', points([1, 10], [10, 15], [100, 22]))).toEqual([]);
  });

  it('has a cliff where a linear one grows faster than its axis', () => {
    expect(cliffsOf('linear', points([16, 1], [1024, 60], [2048, 130]))).toEqual([]);
    expect(cliffsOf('linear', points([16, 1], [32, 4]))).toEqual([{ from: 16, to: 32, grown: 4 }]);
  });

  it('is told in a sentence', () => {
    expect(describeShape(flat, points([1, 10], [100, 12], [10_000, 11]))).toBe(
      'Flat: 10.0 µs at 1 and 11.0 at 10,000 connections, between 10.0 and 12.0 everywhere. No cliff.',
    );
    expect(describeShape(flat, points([1, 10], [100, 30]))).toBe(
      'It rises 3.0 times: 10.0 µs at 1 and 30.0 at 100 connections, between 10.0 and 30.0. It grows too fast from 1 to 100 (3.0 times).',
    );
    expect(describeShape(flat, points([1, 10], [256, 1]))).toBe(
      'It falls: 10.0 µs at 1 and 1.00 at 256 connections, between 1.00 and 10.0. No cliff.',
    );
    expect(describeShape(flat, points([1, 10], [10, 15], [20, 16], [100, 11]))).toBe(
      'The ends are level: 10.0 µs at 1 and 11.0 at 100 connections, between 10.0 and 16.0. No cliff.',
    );
    expect(describeShape(linear, points([16, 5], [1024, 6], [1024 ** 2, 512]))).toBe(
      'Below twice the first cost (5.00 µs) up to 1,024 bytes, then with the size: 0.50 µs for each KiB at 1,048,576 bytes. No cliff.',
    );
    expect(describeShape(flat, points([1, 10]))).toBe('');
  });
});

describe('The report', () => {
  const row = rowOf(/^echo 64 B binary, 64 connections, 16/);
  const entries = entriesOf({ bothways: [1, 1, 1], ws: [5, 4, 10], uws: [0.9, 0.8, 1], bun: [2, 2, 2] });

  it('says of every target whether it is met, and how many are', () => {
    const text = toMarkdown([{ row, entries }], [], '--write');
    expect(text).toContain('2 of 3 are met');
    expect(text).toContain('✓ 0.20, wanted 0.25');
    expect(text).toContain('✗ 1.11, wanted 1.00');
    expect(text).toContain(
      'bothways needs less than ws (0.20) and Bun (0.50) and needs more than uWebSockets.js (1.11)',
    );
    expect(text).toContain('`npm run bench -- --write`');
  });

  it('marks what failed, and goes on', () => {
    const failed = new Map(structuredClone(entries));
    failed.set('bun', Object.assign(failed.get('bun')!, { error: '3 messages were lost' }));
    const text = toMarkdown([{ row, entries: failed }], [], '--write');
    expect(text).toContain('| failed ');
    expect(text).toContain('Bun failed: 3 messages were lost.');
  });

  it('has a table of percentiles for the latencies', () => {
    const latency = rowOf(/^latency/);
    const seen = entriesOf({ bothways: [100] });
    const rounds = [{ 50: 100, 99: 200, 99.9: 300, 100: 400 }];
    seen.set('bothways', Object.assign(seen.get('bothways')!, { extra: { messages: 10, rounds } }));
    const text = toMarkdown([{ row: latency, entries: seen }], [], '--write');
    expect(text).toMatch(/\| p50 +\| p99 +\| p99\.9 +\| longest +\|/);
    expect(text).toMatch(/\| bothways +\| 100 +\| 200 +\| 300 +\| 400 +\|/);
  });
});
