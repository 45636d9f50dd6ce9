// Where the tests are, how long a real service may take, and what starts once for the whole run.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // Two cores: more files at once than that only make the services slower.
    maxWorkers: 2,
    reporters: ['default'],
  },
})
