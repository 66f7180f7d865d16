import { beforeAll, describe, expect, it } from 'vitest';
import type { Result, Role } from './case.js';
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

  it.each(cases)('$id $group: $title', ({ id, title }) => {
    const { outcome, seen } = results.get(id)!;
    const expected = LENIENT.includes(title) ? 'lenient' : 'strict';
    expect({ outcome, seen }).toEqual({ outcome: expected, seen });
  });
});
