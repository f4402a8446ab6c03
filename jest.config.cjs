// Jest runs plain CommonJS: SWC compiles our TypeScript and the few ESM-only packages (Jest cannot require(esm) on
// Node 20). Two projects, split by path alone:
//   pure         code without IO: kernel, pricing, routing, every room's domain/, the sandbox, scripts, house rules
//   integration  every other *.spec.ts, and always *.store.spec.ts and *.e2e.spec.ts; gets Postgres and Redis
const { readFileSync } = require('node:fs')
const { availableParallelism } = require('node:os')
const { join } = require('node:path')

const swcrc = JSON.parse(readFileSync(join(__dirname, '.swcrc'), 'utf8'))
delete swcrc.$schema

const PURE_PATHS = [
  'libs/kernel/',
  'libs/pricing/',
  'libs/routing/',
  'libs/[^/]+/domain/',
  'apps/sandbox/',
  'scripts/',
  'test/house\\.spec\\.ts$',
]
const NEEDS_SERVICES = '\\.(store|e2e)\\.spec\\.ts$'

/** Packages published as ES modules only, and lua-redis-wasm, whose dynamic import() Jest's sandbox refuses. */
const ESM_ONLY = [
  '@nestjs',
  '@borewit',
  '@tokenizer',
  'cookie',
  'file-type',
  'lua-redis-wasm',
  'strtok3',
  'token-types',
  'uint8array-extras',
]

const common = {
  rootDir: __dirname,
  testEnvironment: 'node',
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: {
    '\\.ts$': ['@swc/jest', { ...swcrc, swcrc: false }],
    '\\.[cm]?js$': [
      '@swc/jest',
      { swcrc: false, module: { type: 'commonjs' }, jsc: { target: 'es2022', parser: { syntax: 'ecmascript' } } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${ESM_ONLY.join('|')})/)`],
  moduleNameMapper: {
    '^@tollgate/([a-z-]+)/([a-z-]+)$': '<rootDir>/libs/$1/$2/index.ts',
    '^@tollgate/([a-z-]+)$': '<rootDir>/libs/$1/index.ts',
    '^(\\.{1,2}/.*)\\.js$': ['$1.js', '$1'],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/\\.tollgate/', '<rootDir>/\\.cache/'],
  cacheDirectory: '<rootDir>/.cache/jest',
}

const specs = (folders) => folders.map((folder) => `<rootDir>/${folder}/**/*.spec.ts`)
const anchored = (path) => `^${__dirname.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/${path}`

/** @type {import('jest').Config} */
module.exports = {
  // A worker owns one of Redis's sixteen databases (test/support/redis-targets.ts); one is left free.
  maxWorkers: Math.max(1, Math.min(15, availableParallelism() - 1)),
  // No test measures speed; a busy machine must not fail one.
  testTimeout: 60_000,
  // A process keeps what each spec file loaded: after a hundred files one of them held four gigabytes and stood still to
  // tidy them. So specs never run inside Jest's own process, and a worker that holds this much is replaced.
  workerIdleMemoryLimit: '1200MB',
  // A spec whose set-up failed may leave a socket open. The verdict is printed by then; a run must end with it.
  forceExit: true,
  projects: [
    {
      ...common,
      displayName: 'pure',
      testRegex: PURE_PATHS.map((path) => (path.endsWith('$') ? anchored(path) : `${anchored(path)}.*\\.spec\\.ts$`)),
      testPathIgnorePatterns: ['/node_modules/', NEEDS_SERVICES],
    },
    {
      ...common,
      displayName: 'integration',
      testMatch: specs(['libs', 'apps', 'test']),
      // A pure path is skipped here unless the name says it needs services.
      testPathIgnorePatterns: [
        '/node_modules/',
        ...PURE_PATHS.map((path) =>
          path.endsWith('$') ? anchored(path) : `${anchored(path)}(?!.*${NEEDS_SERVICES}).*\\.spec\\.ts$`,
        ),
      ],
      setupFilesAfterEnv: ['<rootDir>/test/support/each-file.ts'],
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
  ],
}
