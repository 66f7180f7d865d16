import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listKnownOptions, type KnownOption } from './test-options.js';

const PAGE = new URL('../../../../../docs/guide/gateway-configuration.md', import.meta.url);

interface Row {
  readonly path: string;
  readonly fallback: string;
}

/** Each table is about the options of the table that the line before it names; the first is about the whole file. */
function readRows(): Row[] {
  let prefix = '';
  return readFileSync(PAGE, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, table, type] =
        /^Of (?:each )?`\[\[?([\w.]+)\]\]?`(?: with `type = "(\w+)"`)?/.exec(line) ?? [];
      if (table !== undefined) prefix = `${table.replace('NAME', type ?? '*')}.`;
      const [, name, fallback = ''] = /^\| `(\w+)` +\|[^|]*\| ([^|]*?) +\|/.exec(line) ?? [];
      return name === undefined ? [] : [{ path: `${prefix}${name}`, fallback }];
    });
}

/** What the column of defaults has. */
function showDefault({ isTable, isRequired, fallback }: KnownOption): string {
  if (isTable) return 'below';
  if (isRequired) return 'required';
  return fallback === undefined ? 'none' : `\`${JSON.stringify(fallback)}\``;
}

describe('the reference of the configuration', () => {
  it('has every option, and no other', () => {
    const documented = readRows().map(({ path }) => path);
    const known = listKnownOptions().map(({ path }) => path);
    expect(known.length).toBeGreaterThan(80);
    expect(documented.toSorted()).toEqual(known.toSorted());
  });

  it('has the defaults of the schema', () => {
    const known = new Map(listKnownOptions().map((option) => [option.path, showDefault(option)]));
    const wrong = readRows().filter(({ path, fallback }) => known.get(path) !== fallback);
    expect(wrong).toEqual([]);
  });
});
