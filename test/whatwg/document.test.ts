import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { writeDocument } from './document.js';

const PATH = join(import.meta.dirname, '../../docs/whatwg.md');

// `npx vitest run test/whatwg/document.test.ts -u` writes it anew.
it('docs/whatwg.md tells of every behaviour that is observed', async () => {
  const text = await format(writeDocument(), { ...(await resolveConfig(PATH)), filepath: PATH });
  await expect(text).toMatchFileSnapshot(PATH);
});
