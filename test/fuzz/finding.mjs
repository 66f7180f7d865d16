/** What a fuzzer found: how it is told, made smaller, kept as a file and read again. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const FINDINGS = join(import.meta.dirname, 'findings');

/** A property that does not hold. `kind` is the same for the same fault, whatever the input. */
export class Finding extends Error {
  name = 'Finding';

  constructor(kind, details = '') {
    super(details === '' ? kind : `${kind}: ${details}`);
    this.kind = kind;
  }
}

/** @returns {asserts condition} */
export function must(condition, kind, details) {
  if (!condition) throw new Finding(kind, typeof details === 'function' ? details() : details);
}

/** Two lists of calls must be the same. */
export function mustEqual(kind, expected, actual) {
  const at = expected.findIndex((call, index) => call !== actual[index]);
  if (at === -1 && expected.length === actual.length) return;
  const index = at === -1 ? expected.length : at;
  throw new Finding(
    kind,
    `call ${index} should be ${expected[index] ?? 'none'} and is ${actual[index] ?? 'none'}`,
  );
}

/** What an error is, so that a smaller input with the same error can be told from one with another. */
export function kindOf(error) {
  if (error instanceof Finding) return error.kind;
  return `${error?.name}: ${String(error?.message).replaceAll(/\d+/g, 'N').slice(0, 80)}`;
}

/** Runs a check; resolves with what is wrong, or `undefined`. */
export async function errorOf(target, input) {
  try {
    await target.check(input);
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * An input that fails in the same way and is smaller: parts are left out as long as that helps.
 *
 * @template Input
 * @param {{ check(input: Input): void | Promise<void> }} target
 * @param {Input} input
 * @param {number} milliseconds how long it may take
 * @param {() => void} [onTry]
 * @returns {Promise<Input>}
 */
export async function minimise(target, input, milliseconds, onTry) {
  const kind = kindOf(await errorOf(target, input));
  const deadline = Date.now() + milliseconds;
  let best = input;
  for (let isBetter = true; isBetter;) {
    isBetter = false;
    for (const candidate of smaller(best)) {
      if (Date.now() > deadline) return best;
      onTry?.();
      const error = await errorOf(target, candidate);
      if (error === undefined || kindOf(error) !== kind) continue;
      best = candidate;
      isBetter = true;
      break;
    }
  }
  return best;
}

/** The value with one part left out, the largest parts first. */
function* smaller(value) {
  if (typeof value === 'string' || Buffer.isBuffer(value)) {
    yield* withoutPart(value);
  } else if (Array.isArray(value)) {
    yield* withoutPart(value);
    for (const [index, element] of value.entries()) {
      for (const each of smaller(element)) yield value.with(index, each);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      // What was agreed on before is no part that could be left out.
      if (name === 'setup') continue;
      for (const each of smaller(member)) yield { ...value, [name]: each };
    }
  }
}

function* withoutPart(list) {
  for (let size = list.length; size >= 1; size = size >> 1) {
    for (let from = 0; from < list.length; from += size) {
      const [before, after] = [list.slice(0, from), list.slice(from + size)];
      if (typeof list === 'string') yield before + after;
      else yield Buffer.isBuffer(list) ? Buffer.concat([before, after]) : [...before, ...after];
    }
  }
}

/** Writes a finding into a file of its own and returns its path. */
export function save(target, input, note) {
  const text = JSON.stringify({ target, note, input: toJson(input) }, undefined, 1);
  const hash = createHash('sha1')
    .update(JSON.stringify(toJson(input)))
    .digest('hex')
    .slice(0, 10);
  mkdirSync(FINDINGS, { recursive: true });
  const path = join(FINDINGS, `${target}-${hash}.json`);
  writeFileSync(path, `${text}\n`);
  return path;
}

export function load(path) {
  const { target, note, input } = JSON.parse(readFileSync(path, 'utf8'));
  return { target, note, input: fromJson(input) };
}

/** Bytes become `{ "hex": "..." }`. */
function toJson(value) {
  if (Buffer.isBuffer(value)) return { hex: value.toString('hex') };
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toJson(member)]));
}

function fromJson(value) {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value !== 'object' || value === null) return value;
  if (typeof value.hex === 'string' && Object.keys(value).length === 1) return Buffer.from(value.hex, 'hex');
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fromJson(member)]));
}
