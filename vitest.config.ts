import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/{src,playground}/**/*.test.{ts,tsx}', 'test/**/*.test.ts'],
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
