import { ParseError, parseTOML, type AST } from 'toml-eslint-parser';
import type { Position } from './problem.js';
import { createTable, type Reading, type Table, type Tree } from './tree.js';

/** Reads a file of TOML 1.0. The parser stops at the first error, which keys that are there twice are as well. */
export function readToml(text: string): Reading {
  const deep = findTooDeep(text);
  if (deep !== undefined) return refuse(deep, TOO_DEEP);
  try {
    const [top] = parseTOML(text, { tomlVersion: '1.0' }).body;
    return { tree: readProgram(top), problems: [] };
  } catch (error) {
    if (error instanceof RangeError) return refuse(START, TOO_DEEP);
    if (!(error instanceof ParseError)) throw error;
    return refuse({ line: error.lineNumber, column: error.column + 1 }, explainError(error));
  }
}

const START: Position = { line: 1, column: 1 };
const TOO_DEEP = 'is nested too deeply';

function refuse(position: Position, message: string): Reading {
  return { tree: undefined, problems: [{ position, path: [], message }] };
}

/** Brackets that are open at once, and keys with dots between them; a configuration has 4. */
const MAX_DEPTH = 32;

/**
 * Where something is nested too deeply, looked for before the parser is let near it: that calls itself for each level,
 * and where the stack ends in the middle of compiling a pattern, V8 ends the process. Brackets in texts and comments
 * count as well, but few are left open there.
 */
function findTooDeep(text: string): Position | undefined {
  let depth = 0;
  for (const { 0: bracket, index } of text.matchAll(/[[{\]}]/g)) {
    depth = Math.max(0, depth + (bracket === '[' || bracket === '{' ? 1 : -1));
    if (depth > MAX_DEPTH) return positionAt(text, index);
  }
  return undefined;
}

function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

function explainError(error: ParseError): string {
  if (/multiple times/.test(error.message)) return 'sets a key that is set before: leave one of the two';
  return `is no TOML: ${error.message}`;
}

function readProgram(top: AST.TOMLTopLevelTable): Table {
  const root = createTable(START);
  for (const element of top.body) {
    if (element.type === 'TOMLKeyValue') {
      readPair(root, element);
    } else {
      const table = openTable(root, element);
      for (const pair of element.body) readPair(table, pair);
    }
  }
  return root;
}

/** `[a.b]` opens a table, `[[a.b]]` one more in a list. */
function openTable(root: Table, { kind, key, loc }: AST.TOMLTable): Table {
  const parent = descend(root, key.keys.slice(0, -1));
  const last = key.keys.at(-1)!;
  if (kind === 'standard') return descend(parent, [last]);
  const table = createTable(startOf({ loc }));
  const known = parent.entries.get(nameOf(last))?.tree;
  if (known?.kind === 'list') known.items.push(table);
  else addEntry(parent, last, { kind: 'list', items: [table], position: startOf(last) });
  return table;
}

/** `a.b = 1` */
function readPair(table: Table, { key, value }: AST.TOMLKeyValue): void {
  addEntry(descend(table, key.keys.slice(0, -1)), key.keys.at(-1)!, readContent(value));
}

function readContent(node: AST.TOMLContentNode): Tree {
  const position = startOf(node);
  if (node.type === 'TOMLValue') return { kind: 'leaf', value: node.value, position };
  if (node.type === 'TOMLArray') return { kind: 'list', items: node.elements.map(readContent), position };
  const table = createTable(position);
  for (const pair of node.body) readPair(table, pair);
  return table;
}

/** The table under these keys, made where there is none yet; of a list its last, as `[a.b]` means it after `[[a]]`. */
function descend(table: Table, keys: readonly (AST.TOMLBare | AST.TOMLQuoted)[]): Table {
  if (keys.length > MAX_DEPTH) throw new RangeError(TOO_DEEP);
  let at = table;
  for (const key of keys) {
    const known = at.entries.get(nameOf(key))?.tree;
    const next = known?.kind === 'list' ? known.items.at(-1) : known;
    // The parser has refused tables in the place of values.
    at = next?.kind === 'table' ? next : addEntry(at, key, createTable(startOf(key)));
  }
  return at;
}

function addEntry<Added extends Tree>(table: Table, key: AST.TOMLBare | AST.TOMLQuoted, tree: Added): Added {
  table.entries.set(nameOf(key), { position: startOf(key), tree });
  return tree;
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}

/** The parser counts columns from 0. */
function startOf({ loc: { start } }: Pick<AST.TOMLNode, 'loc'>): Position {
  return { line: start.line, column: start.column + 1 };
}
