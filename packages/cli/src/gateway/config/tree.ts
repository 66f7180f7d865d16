import type { Path, Position, Problem } from './problem.js';

/** What a file says, whatever its format, and where it says it. */
export type Tree = Leaf | List | Table;

export interface Leaf {
  readonly kind: 'leaf';
  readonly value: unknown;
  readonly position: Position;
}

export interface List {
  readonly kind: 'list';
  readonly items: Tree[];
  readonly position: Position;
}

export interface Table {
  readonly kind: 'table';
  readonly entries: Map<string, Entry>;
  readonly position: Position;
}

/** What stands under a key. `position` is that of the key. */
export interface Entry {
  readonly position: Position;
  readonly tree: Tree;
}

/** What was read of a file. */
export interface Reading {
  /** `undefined` where it is no file of its format. */
  readonly tree: Table | undefined;
  /** What is wrong with it, whatever it is for. */
  readonly problems: readonly Problem[];
}

export function createTable(position: Position): Table {
  return { kind: 'table', entries: new Map(), position };
}

/** The plain value. A key `__proto__` is a key like any other. */
export function valueOf(tree: Tree): unknown {
  if (tree.kind === 'leaf') return tree.value;
  if (tree.kind === 'list') return tree.items.map(valueOf);
  return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, valueOf(entry.tree)]));
}

/**
 * Where something is: the value, where one is there; its key, where that is asked for; and what it is missing from, where
 * there is none.
 */
export function locate(tree: Tree, path: Path, part: 'key' | 'value'): Position {
  let at: { readonly position: Position; readonly tree: Tree } = { position: tree.position, tree };
  for (const step of path) {
    const next = find(at.tree, step);
    if (next === undefined) return at.position;
    at = next;
  }
  return part === 'key' ? at.position : at.tree.position;
}

function find(tree: Tree, step: string | number): Entry | undefined {
  if (tree.kind === 'table' && typeof step === 'string') return tree.entries.get(step);
  if (typeof step === 'string') return undefined;
  if (tree.kind !== 'list') return undefined;
  const item = tree.items[step];
  return item && { position: item.position, tree: item };
}
