import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FINDINGS, load } from './finding.mjs';
import { HOSTILE, checkHostile } from './hostile.mjs';
import { TARGETS, inputOf, targetOf, type Target } from './targets.mjs';

/** The same inputs every time: new ones are for `npm run fuzz`. */
const SEED = 6455;

/** How many inputs of each target: what takes a few seconds. */
const RUNS: Readonly<Record<string, number>> = {
  'valid-stream': 4000,
  'any-stream': 4000,
  handshake: 8000,
  deflate: 800,
  subprotocols: 8000,
  'request-head': 300,
  'server-socket': 300,
  'client-socket': 300,
};

const findings = readdirSync(FINDINGS);

async function checkInput(target: Target, input: object, what: string): Promise<void> {
  try {
    await target.check(input);
  } catch (error) {
    throw new Error(`${target.name}, ${what}`, { cause: error });
  }
}

describe('Random inputs', () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))(
    'of %s go as they must',
    async (name, target) => {
      onTestFinished(() => target.stop?.());
      for (let run = 0; run < RUNS[name]!; run++) {
        await checkInput(target, inputOf(target, SEED, run), `run ${run}`);
      }
      expect(RUNS[name]).toBeGreaterThan(0);
    },
    60_000,
  );
});

describe('What was found once', () => {
  it.each(findings)('stays mended: %s', async (file) => {
    const { target: name, input } = load(join(FINDINGS, file));
    const target = targetOf(name);
    onTestFinished(() => target.stop?.());
    await expect(checkInput(target, input, file)).resolves.toBeUndefined();
  });
});

describe('A stream that is known to hurt', () => {
  it.each(HOSTILE)('is read the same however it is cut: %s', async (_what, setup, frames, ends) => {
    const { length } = Buffer.concat(frames);
    const cuts = [7, 100, 4099].map((size) =>
      Array.from({ length: Math.floor(length / size) }, (_, index) => (index + 1) * size),
    );
    await expect(checkHostile(setup, frames, ends, cuts)).resolves.toBeUndefined();
  });
});
