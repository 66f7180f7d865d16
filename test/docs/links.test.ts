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
    '# Title',
    '[a file](package.json), [no file](nothing.json)',
    '[a heading](#title), [no heading](#nothing), [elsewhere](https://example.com/nothing)',
  ].join('\n');
  expect(brokenLinks(parseDocument('test/docs/../../made-up.md', text))).toEqual([
    'test/docs/../../made-up.md:2: nothing.json',
  ]);
});
