import { beforeAll, describe, expect, it } from 'vitest';
import type { Case, Result, Role } from './case.js';
import { wantedCases } from './order.js';
import { runSuite } from './run-suite.js';
import { SUBJECTS } from './subjects/index.js';

/** What is tolerated on purpose; docs/conformance.md says why. */
const LENIENT = [
  'a reference beyond the window that was agreed on',
  'no data at all, with context takeover',
  'no data at all, without',
];

// What takes long is left out here, and part of `npm run conformance`.
describe.each<Role>(['server', 'client'])('Bothways as a %s', (role) => {
  const cases = wantedCases({ subject: 'bothways', role, prefix: '', isQuick: true });
  let results: ReadonlyMap<string, Result>;

  beforeAll(async () => {
    const all = await runSuite(SUBJECTS['bothways']!, role, cases, { isQuick: true });
    results = new Map(all.map((each) => [each.id, each]));
  }, 120_000);

  it.each(cases)('$id $group: $title', (each) => {
    const { outcome, seen, noticed } = results.get(each.id)!;
    const expected = LENIENT.includes(each.title) ? 'lenient' : 'strict';
    expect({ outcome, seen, noticed }).toEqual({ outcome: expected, seen, noticed: earliest(each) });
  });
});

/** The first of the points at which a fault can be noticed, in the cases that have one and mark them. */
function earliest(each: Case): string | undefined {
  if (each.kind !== 'talk') return undefined;
  const { steps, strict } = each.script();
  return strict[0]!.close === 1000 ? undefined : steps.find((step) => step.do === 'mark')?.point;
}
