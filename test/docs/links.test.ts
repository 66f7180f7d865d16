import { describe, expect, test } from 'vitest';
import { brokenLinks, findDocuments, parseDocument } from './markdown.js';

describe('the links of the documentation', () => {
  test.each(findDocuments().map((document) => [document.path, document] as const))(
    'of %s lead to files and headings that exist',
    (_, document) => {
      expect(brokenLinks(document)).toEqual([]);
    },
  );
});

test('a link to a file or a heading that does not exist is found', () => {
  const text = [
    '[a file](../../package.json), [not that far up](../package.json), [no file](nothing.json)',
    '[a heading](errors.md#close-codes), [no heading](errors.md#nothing), [elsewhere](https://example.com/)',
  ].join('\n');
  expect(brokenLinks(parseDocument('docs/guide/made-up.md', text))).toEqual([
    'docs/guide/made-up.md:1: ../package.json',
    'docs/guide/made-up.md:1: nothing.json',
    'docs/guide/made-up.md:2: errors.md#nothing',
  ]);
});
