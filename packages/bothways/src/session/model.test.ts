import { describe, expect, it } from 'vitest';
import { runModel, type ModelServers } from './test-model.js';

const SEEDS = 10_000;
const SEEDS_BALANCED = 750;

describe('Both ends in a storm', () => {
  it(`see exactly what the other sent, in order, for ${SEEDS} seeds`, { timeout: 300_000 }, () => {
    expect(failuresOf(SEEDS)).toEqual([]);
  });

  it('do so behind a balancer that sends everything to any of three servers', { timeout: 300_000 }, () => {
    expect(failuresOf(SEEDS_BALANCED, { count: 3 })).toEqual([]);
  });

  it('do so while servers are killed, closed, or taken for dead', { timeout: 300_000 }, () => {
    expect(failuresOf(SEEDS_BALANCED, { count: 3, areKilled: true })).toEqual([]);
  });

  it('replays the same from the same seed', () => {
    const runs = [0, 1].map(() => {
      const lines: string[] = [];
      runModel(7, (line) => lines.push(line));
      return lines;
    });
    expect(runs[0]!.length).toBeGreaterThan(50);
    expect(runs[1]).toEqual(runs[0]);
  });
});

function failuresOf(seeds: number, servers?: ModelServers): string[] {
  const failures: string[] = [];
  const replayed = process.env['BOTHWAYS_SEED'];
  const trace = replayed === undefined ? undefined : print;
  const first = Number(replayed ?? 0);
  const last = replayed === undefined ? seeds : first + 1;
  for (let seed = first; seed < last && failures.length < 5; seed++) {
    const failure = runModel(seed, trace, servers);
    if (failure !== undefined) failures.push(`seed ${seed}: ${failure}`);
  }
  return failures;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
