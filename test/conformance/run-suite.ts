import type { Case, OpeningCase, Outcome, Result, Role, Script, WireLine } from './case.js';
import { judgeOpening, judgeTalk } from './judge.js';
import { runOpening } from './run-opening.js';
import { runTalk } from './run-talk.js';
import { Stage } from './stage.js';
import type { Subject } from './subjects/subject.js';
import { CHUNKINGS, cutsOf, type ChunkingName, type Stretch } from './wire/chunking.js';

export interface RunOptions {
  readonly isQuick: boolean;
  /** Called after each case. */
  readonly onResult?: ((result: Result) => void) | undefined;
}

/** How many connections are tested at once: most of the time is spent waiting for what does not come. */
const LANES = 6;
/** How large a stretch may be to be sent byte by byte. */
const MAX_SINGLE_BYTES = { full: 2048, quick: 300 };

/** Runs cases that are for this role, and returns their results in the order of the cases. */
export async function runSuite(
  subject: Subject,
  role: Role,
  cases: readonly Case[],
  options: RunOptions,
): Promise<Result[]> {
  await using stage = new Stage(subject);
  const results = new Map<string, Result>();
  const queue = [...cases];
  const lane = async (): Promise<void> => {
    for (let each = queue.shift(); each !== undefined; each = queue.shift()) {
      const result = await runCase(each, role, stage, options.isQuick);
      results.set(each.id, result);
      options.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return cases.map(({ id }) => results.get(id)!);
}

interface Attempt {
  readonly name: ChunkingName;
  readonly outcome: Outcome;
  readonly choice: number;
  readonly seen: string;
  readonly noticed: string | undefined;
  readonly wire: readonly WireLine[];
  readonly stretches: readonly Stretch[];
}

/** A case at every chunking; what came of it is the worst of them. */
async function runCase(each: Case, role: Role, stage: Stage, isQuick: boolean): Promise<Result> {
  const from = performance.now();
  const maxSingleBytes = isQuick ? MAX_SINGLE_BYTES.quick : MAX_SINGLE_BYTES.full;
  const script = each.kind === 'talk' ? each.script() : undefined;
  const attempt = async (name: ChunkingName): Promise<Attempt> => {
    if (each.kind === 'talk') {
      const { seen, ...rest } = await runTalk(each, script!, role, name, maxSingleBytes, stage);
      return { name, ...judgeTalk(script!, seen), noticed: seen.noticed, ...rest };
    }
    const { seen, ...rest } = await runOpening(each, role, name, maxSingleBytes, stage);
    return { name, ...judgeOpening(each, seen), noticed: undefined, ...rest };
  };

  const [whole, ...others] = CHUNKINGS;
  const attempts = [await attempt(whole)];
  const { stretches } = attempts[0]!;
  for (const name of each.kind === 'talk' && each.isWholeOnly === true ? [] : others) {
    // What cuts nothing is the same as all at once; and once it has failed, it has.
    const isCut = stretches.some((stretch) => cutsOf(name, stretch, maxSingleBytes).length > 0);
    if (isCut && attempts.at(-1)!.outcome !== 'failed') attempts.push(await attempt(name));
  }
  const worst = attempts.reduce((before, next) => (rank(next) > rank(before) ? next : before));
  const strict = script?.strict ?? (each as OpeningCase).strict;
  return {
    id: each.id,
    outcome: worst.outcome,
    choice: worst.choice,
    strict: strict.map(({ says }) => says),
    seen: worst.seen,
    noticed: latest(attempts, script),
    milliseconds: performance.now() - from,
    chunkings: attempts.map(({ name, outcome, choice, seen }) => ({ name, outcome, choice, seen })),
    wire: worst.wire,
  };
}

const RANK = { strict: 0, lenient: 1, failed: 2 };

function rank({ outcome, choice }: Attempt): number {
  return RANK[outcome] * 100 + choice;
}

/** The latest of the points at which the connection was failed, over all chunkings. */
function latest(attempts: readonly Attempt[], script: Script | undefined): string | undefined {
  const points = (script?.steps ?? []).flatMap((step) => (step.do === 'mark' ? [step.point] : []));
  const noticed = attempts.map((each) => points.indexOf(each.noticed ?? ''));
  return points[Math.max(...noticed)];
}
