import { Failure } from '../../failure.js';

/** A place in a file, both from 1; columns count UTF-16 code units, as editors and JavaScript do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The keys and indexes that lead to a value. */
export type Path = readonly (string | number)[];

/** Something that is wrong with a configuration, where it is known which value it is about. */
export interface Finding {
  readonly path: Path;
  /** What is wrong and what to do. */
  readonly message: string;
}

/** The same with its place. */
export interface Problem extends Finding {
  /** `undefined` for what is wrong with the file as a whole. */
  readonly position: Position | undefined;
}

/** A configuration that cannot be used. Its message has a line for each problem, as compilers write them. */
export class ConfigError extends Failure {
  /** All that is wrong, in the order of the file. */
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    super(describeProblems(file, problems));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** A file of other things than a configuration is wrong in thousands of places. */
const MOST_SHOWN = 100;

function describeProblems(file: string, problems: readonly Problem[]): string {
  const lines = problems.slice(0, MOST_SHOWN).map((problem) => describeProblem(file, problem));
  if (problems.length > MOST_SHOWN) lines.push(`and ${problems.length - MOST_SHOWN} more problems`);
  return lines.length === 1
    ? lines[0]!
    : `The configuration has ${problems.length} problems:\n${lines.join('\n')}`;
}

function describeProblem(file: string, { position, path, message }: Problem): string {
  const place = position === undefined ? file : `${file}:${position.line}:${position.column}`;
  return `${place}: ${path.length === 0 ? '' : `${describePath(path)} `}${message}`;
}

/** `routes[0].limits.connections`; names that are no plain words are quoted. */
export function describePath(path: Path): string {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    return `.${/^[\w-]+$/.test(step) ? step : JSON.stringify(step)}`;
  });
  return steps.join('').replace(/^\./, '');
}

/** How a value of the file is shown in a message: in a few characters, and without control characters. */
export function showValue(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return 'a date';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'a table';
}
