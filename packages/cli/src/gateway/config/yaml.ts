import {
  Composer,
  LineCounter,
  Parser,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type CST,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import type { Path, Position, Problem } from './problem.js';
import { createTable, type List, type Reading, type Table, type Tree } from './tree.js';

/** Reads a file of YAML 1.2. */
export function readYaml(text: string): Reading {
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    // The counter knows no lines before it has seen one.
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  try {
    const tokens = [...new Parser(lines.addNewLine).parse(text)];
    const deep = findTooDeep(tokens);
    if (deep !== undefined) return refuseWhole(refuse(positionAt(deep.offset), [], TOO_DEEP));
    const [document, second] = new Composer(PLAIN).compose(tokens, true, text.length);
    const problems = checkDocument(document!, positionAt);
    if (second !== undefined) {
      const message = 'begins a second document: leave one of the two';
      problems.push(refuse(positionAt(second.range[0]), [], message));
    }
    if (problems.length > 0) return { tree: undefined, problems };
    return new TreeBuilder(positionAt).read(document!.contents);
  } catch (error) {
    if (error instanceof RangeError) return refuseWhole(refuse(START, [], TOO_DEEP));
    if (error instanceof Excess) return refuseWhole(error.problem);
    throw error;
  }
}

function refuseWhole(problem: Problem): Reading {
  return { tree: undefined, problems: [problem] };
}

function checkDocument(
  { directives, errors, warnings }: Document.Parsed,
  positionAt: (offset: number) => Position,
): Problem[] {
  const problems = [...errors, ...warnings].map(({ pos: [start], message }) =>
    refuse(positionAt(start), [], `is no YAML: ${message}`),
  );
  if (directives.yaml.version !== '1.2') {
    problems.push(refuse(START, [], 'must be YAML 1.2: leave "%YAML" out'));
  }
  return problems;
}

/**
 * What is nested too deeply, looked for before the composer is let near it: that calls itself for each level, and where
 * the stack ends in the middle of compiling a pattern, V8 ends the process.
 */
function findTooDeep(tokens: readonly CST.Token[]): CST.Token | undefined {
  let level = tokens;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return level[0];
    level = level.flatMap((token) => {
      if (token.type === 'document') return token.value ?? [];
      if (!('items' in token)) return [];
      return token.items.flatMap(({ key, value }) =>
        [key, value].filter((part) => part !== null && part !== undefined),
      );
    });
  }
  return undefined;
}

const START: Position = { line: 1, column: 1 };
const TOO_DEEP = 'is nested too deeply';

/** No tags and no keys but those that JSON has too. */
const PLAIN = {
  version: '1.2',
  stringKeys: true,
  merge: false,
  resolveKnownTags: false,
  logLevel: 'error',
  // Keys that are there twice are found below: the parser compares each key with each.
  uniqueKeys: false,
} as const;

/** Values of a file, where those that an alias stands for count once for each alias. */
const MAX_VALUES = 100_000;
/** Levels of lists and tables; a configuration has 6. */
const MAX_DEPTH = 32;

/** A file that stands for too much is not read any further. */
class Excess extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

function refuse(position: Position, path: Path, message: string): Problem {
  return { position, path: [...path], message };
}

/** Aliases are resolved here, and counted: a file of a few lines may stand for millions of values. */
class TreeBuilder {
  readonly #positionAt: (offset: number) => Position;
  readonly #problems: Problem[] = [];
  readonly #anchors = new Map<string, Node>();
  #values = 0;

  constructor(positionAt: (offset: number) => Position) {
    this.#positionAt = positionAt;
  }

  read(contents: Node | null): Reading {
    const tree = contents === null ? createTable(START) : this.#build(contents, [], false);
    if (tree.kind === 'table') return { tree, problems: this.#problems };
    return refuseWhole(refuse(tree.position, [], 'must be a table of keys and values'));
  }

  #build(node: unknown, path: Path, isAliased: boolean): Tree {
    const position = this.#positionOf(node);
    this.#values++;
    if (this.#values > MAX_VALUES) {
      const message = `has more than ${MAX_VALUES} values, counted for each alias that stands for them`;
      throw new Excess(refuse(position, [], message));
    }
    if (path.length > MAX_DEPTH) throw new Excess(refuse(position, path.slice(0, 1), TOO_DEEP));
    if (isAlias(node)) return this.#resolveAlias(node.source, position, path);
    // Within an alias an anchor is the same that it was.
    if (isNode(node) && node.anchor !== undefined && !isAliased) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#buildTable(node.items, position, path, isAliased);
    if (isSeq(node)) return this.#buildList(node.items, position, path, isAliased);
    return { kind: 'leaf', value: isScalar(node) ? node.value : null, position };
  }

  #resolveAlias(anchor: string, position: Position, path: Path): Tree {
    const node = this.#anchors.get(anchor);
    if (node !== undefined) return this.#build(node, path, true);
    const message = `is an alias of "${anchor}", but no "&${anchor}" stands before it`;
    this.#problems.push(refuse(position, path, message));
    return { kind: 'leaf', value: undefined, position };
  }

  #buildList(items: readonly unknown[], position: Position, path: Path, isAliased: boolean): List {
    const trees = items.map((item, index) => this.#build(item, [...path, index], isAliased));
    return { kind: 'list', items: trees, position };
  }

  #buildTable(pairs: readonly Pair[], position: Position, path: Path, isAliased: boolean): Table {
    const table = createTable(position);
    for (const { key, value } of pairs) {
      const name = String(isScalar(key) ? key.value : key);
      const here: Path = [...path, name];
      const keyPosition = this.#positionOf(key);
      const before = table.entries.get(name);
      if (before !== undefined) {
        const message = `is set before, in line ${before.position.line}: leave one of the two`;
        this.#problems.push(refuse(keyPosition, here, message));
      } else if (name === '<<') {
        const message =
          'is a merge key, which YAML 1.2 does not have: repeat the keys, or use an alias for a whole table';
        this.#problems.push(refuse(keyPosition, here, message));
      } else {
        table.entries.set(name, { position: keyPosition, tree: this.#build(value, here, isAliased) });
      }
    }
    return table;
  }

  #positionOf(node: unknown): Position {
    return isNode(node) && node.range ? this.#positionAt(node.range[0]) : START;
  }
}
