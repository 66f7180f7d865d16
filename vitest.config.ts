import { availableParallelism } from 'node:os';
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
        // What uses sockets, once more where Node lets nobody see what is behind them.
        extends: true,
        test: {
          name: 'ordinary sockets',
          setupFiles: ['test/ordinary-sockets.ts'],
          exclude: [
            'packages/bothways/src/node/{shared-reads,direct-output,durable-sessions}.test.ts',
            // What is compressed is the same whatever carries it.
            'test/interop/compression.test.ts',
          ],
          include: [
            'packages/bothways/src/node/**/*.test.ts',
            'test/{conformance,fuzz,interop}/**/*.test.ts',
          ],
        },
      },
    ],
    // Most tests wait for sockets and processes more than they compute; on few cores Vitest takes too few workers.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A test that is left switched on alone, or off, must not pass unseen.
    allowOnly: false,
    coverage: {
      provider: 'v8',
      include: ['packages/bothways/src/{protocol,subprotocols}/**/*.ts'],
      // contract.ts is types and one constant.
      exclude: ['**/*.test.ts', '**/test-*.ts', '**/index.ts', '**/contract.ts'],
      reporter: ['text-summary', 'html'],
      thresholds: { branches: 100, lines: 100, functions: 100, statements: 100 },
    },
  },
});
