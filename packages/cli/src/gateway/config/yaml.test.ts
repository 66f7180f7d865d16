import { describe, expect, it } from 'vitest';
import { locate, valueOf } from './tree.js';
import { readYaml } from './yaml.js';

describe('YAML', () => {
  it('has for an alias what its anchor was then, and not what it is later or within another alias', () => {
    const { tree, problems } = readYaml('a: &y [&x 2]\nb: &x 3\nc: *y\nd: *x\ne: &x 4\nf: *x\n');
    expect(problems).toEqual([]);
    expect(valueOf(tree!)).toEqual({ a: [2], b: 3, c: [2], d: 3, e: 4, f: 4 });
  });

  it('knows where keys and values are, and what something is missing from', () => {
    const { tree } = readYaml('a:\n  b: [1,\n    { c: 2 }]\n');
    expect(locate(tree!, ['a', 'b'], 'key')).toEqual({ line: 2, column: 3 });
    expect(locate(tree!, ['a', 'b'], 'value')).toEqual({ line: 2, column: 6 });
    expect(locate(tree!, ['a', 'b', 1, 'c'], 'value')).toEqual({ line: 3, column: 10 });
    expect(locate(tree!, ['a', 'b', 1, 'd'], 'value')).toEqual({ line: 3, column: 5 });
    expect(locate(tree!, ['a', 'b', 7], 'value')).toEqual({ line: 2, column: 3 });
    expect(locate(tree!, ['a', 0], 'value')).toEqual({ line: 1, column: 1 });
  });

  it.each(['a: !!binary aGVsbG8=', 'a: !!set { b }', 'a: !!timestamp 2024-01-01', '!!omap [a: 1]'])(
    'of other types than JSON is refused: %s',
    (text) => {
      expect(readYaml(text).problems.map(({ message }) => message)).toEqual([
        expect.stringMatching(/^is no YAML: Unresolved tag: /),
      ]);
    },
  );
});
