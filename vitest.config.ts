import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['packages/*/{src,playground}/**/*.test.{ts,tsx}', 'test/**/*.test.ts'],
        },
      },
      {
        // What reads from sockets, once more where Node lets nobody choose the memory.
        extends: true,
        test: {
          name: 'ordinary reads',
          setupFiles: ['test/ordinary-reads.ts'],
          exclude: ['packages/bothways/src/node/shared-reads.test.ts'],
          include: [
            'packages/bothways/src/node/**/*.test.ts',
            'test/{conformance,fuzz,interop}/**/*.test.ts',
          ],
        },
      },
    ],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // A test that is left switched on alone, or off, must not pass unseen.
    allowOnly: false,
    coverage: {
      provider: 'v8',
      include: ['packages/bothways/src/protocol/**/*.ts'],
      // contract.ts is types and one constant.
      exclude: ['**/*.test.ts', '**/test-*.ts', '**/index.ts', '**/contract.ts'],
      reporter: ['text-summary', 'html'],
      thresholds: { branches: 100, lines: 100, functions: 100, statements: 100 },
    },
  },
});
