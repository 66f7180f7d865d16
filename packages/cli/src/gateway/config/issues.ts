import type { z } from 'zod';
import { optionsAt } from './json-schema.js';
import { showValue, type Finding, type Path } from './problem.js';
import { findSimilar } from './spelling.js';

type Issue = z.core.$ZodIssue;

/** What the schema found in the file's `value`, in the words of this program. */
export function explainIssues(issues: readonly Issue[], value: unknown): Finding[] {
  return issues.flatMap((issue) => explainIssue(issue, [], value));
}

/** @param base where the paths of the issue begin. */
function explainIssue(issue: Issue, base: Path, value: unknown): Finding[] {
  const path = [...base, ...issue.path] as Path;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => explainUnknown(key, path, value));
  if (issue.code === 'invalid_union' && !isOurs(issue)) {
    const chosen = issue.errors.find((errors) => !errors.some(isOtherType));
    if (chosen !== undefined) return chosen.flatMap((inner) => explainIssue(inner, path, value));
  }
  if (issue.code === 'invalid_key') return [{ path, message: issue.issues[0]?.message ?? issue.message }];
  const given = valueAt(value, path);
  const expectation = expectationOf(issue);
  if (given === undefined) return [{ path, message: `is missing: it ${expectation}` }];
  if (given === null) return [{ path, message: `has no value: it ${expectation}` }];
  const isCount = issue.code === 'too_small' && issue.origin === 'array';
  return [{ path, message: isCount ? expectation : `${expectation}, not ${showValue(given)}` }];
}

function explainUnknown(key: string, path: Path, value: unknown): Finding {
  const known = optionsAt(value, path);
  const similar = findSimilar(key, known);
  const advice = similar === undefined ? `those here are ${known.join(', ')}` : `did you mean "${similar}"?`;
  return { path: [...path, key], message: `is no option: ${advice}` };
}

/** Messages that the schema brings along. */
function isOurs(issue: Issue): boolean {
  return issue.message.startsWith('must ');
}

/** Whether a branch of a union is for another type of value. */
function isOtherType(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a table',
  record: 'a table',
  string: 'text in quotes',
};

/** What it must be, from the word "must" on. */
function expectationOf(issue: Issue): string {
  if (isOurs(issue)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.map(showValue).join(' or ')}`;
    case 'too_small':
      return issue.origin === 'array' ? 'must have at least one entry' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_union':
      // The only unions without a message of their own are one or a list of such.
      return `${expectationOf(issue.errors[0]![0]!)}, or a list of such`;
    default:
      return `must be otherwise (${issue.message})`;
  }
}

export function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}
