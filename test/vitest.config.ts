import { defineConfig } from 'vitest/config'

// One project a folder. `system` starts real processes and servers, so its files run one by one. The other files leave
// nothing behind and share the modules that they load: loading them anew for each costs as much as the tests.
export default defineConfig({
  test: {
    // Of two cores it would leave one to itself.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'forks',
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'pair',
          include: ['test/pair/**/*.test.ts'],
          pool: 'forks',
          isolate: false,
          // The simulator runs its seeds in a few long tests.
          testTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
