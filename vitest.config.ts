import { defineConfig } from 'vitest/config';

// unit: no network, no built bin, seconds. integration: a real S3 server over loopback.
// cli: the built bin, so `npm run build` comes first (`npm test` does both).
export default defineConfig({
  test: {
    // Vitest leaves one core to itself, which of two is half.
    maxWorkers: '100%',
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          globalSetup: ['test/support/s3-server-setup.ts'],
        },
      },
      {
        test: {
          name: 'cli',
          include: ['test/cli/**/*.test.ts'],
          testTimeout: 120_000,
          // Some begin with an ingest, which takes longer beside other work than Vitest's ten seconds.
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
