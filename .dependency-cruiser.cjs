// The import matrix of the house (README.md, "Who may import whom"). A room is a folder of libs/ other than kernel,
// pricing, routing, chat and platform. A seeded violation of each rule fails: test/house/import-matrix.spec.ts.
const ROOMS = 'rollouts|mcp|tenants|tiers|catalog|hosts|limits|providers|conversations|usage|proof|idempotency|invoices|credit|webhooks|selection|operator-config'
const PURE = 'kernel|pricing|routing'
const SPEC = '\\.spec\\.ts$|^libs/providers/scripted-|^libs/[^/]+/[^/]*-fixture\\.ts$'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'kernel-imports-nothing', severity: 'error', from: { path: '^libs/kernel/', pathNot: SPEC }, to: { pathNot: '^libs/kernel/' } },
    { name: 'pure-libs-import-kernel-only', severity: 'error', from: { path: '^libs/(pricing|routing)/', pathNot: SPEC }, to: { pathNot: '^libs/(kernel/|$1/)' } },
    {
      name: 'domain-is-pure',
      severity: 'error',
      from: { path: `^libs/(${ROOMS})/domain/`, pathNot: SPEC },
      to: { pathNot: `^libs/(${PURE})/|^libs/$1/domain/|^(node:)?(zlib|crypto|net|url)$` },
    },
    {
      name: 'rooms-have-no-doors-between-them',
      severity: 'error',
      from: { path: `^libs/(${ROOMS})/`, pathNot: SPEC },
      to: { path: `^libs/(${ROOMS})/`, pathNot: '^libs/$1/' },
    },
    { name: 'rooms-do-not-know-the-corridor', severity: 'error', from: { path: `^libs/(${ROOMS}|${PURE}|platform)/`, pathNot: SPEC }, to: { path: '^libs/chat/' } },
    { name: 'platform-knows-no-room', severity: 'error', from: { path: '^libs/platform/', pathNot: SPEC }, to: { path: `^libs/(${ROOMS}|pricing|routing|chat)/` } },
    { name: 'libs-do-not-know-apps', severity: 'error', from: { path: '^libs/', pathNot: SPEC }, to: { path: '^(apps|test)/' } },
    {
      name: 'apps-do-not-know-each-other',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: `${SPEC}|^apps/standalone/` },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'standalone-knows-only-modules-of-other-apps',
      severity: 'error',
      from: { path: '^apps/standalone/', pathNot: SPEC },
      to: { path: '^apps/', pathNot: '^apps/standalone/|^apps/[^/]+/src/[a-z-]+\\.module\\.ts$' },
    },
    {
      name: 'nobody-loads-the-document',
      severity: 'error',
      comment: 'Schemas of what the data plane answers are for its document and for specs; a running gateway has no use for them.',
      from: { path: '^(libs|apps)/', pathNot: `^apps/gateway/src/document/|${SPEC}` },
      to: { path: '^apps/gateway/src/document/' },
    },
    { name: 'only-the-gateway-walks-the-corridor', severity: 'error', from: { path: '^apps/(?!gateway/)', pathNot: SPEC }, to: { path: '^libs/chat/' } },
    {
      name: 'database-and-redis-drivers-stay-in-stores',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: `\\.(store|table)\\.ts$|^libs/platform/|${SPEC}` },
      to: { path: 'node_modules/(typeorm|pg|ioredis)/' },
    },
    {
      name: 'outbound-http-only-from-providers-hosts-and-webhooks',
      severity: 'error',
      comment: 'And tool servers. Each by the address policy of platform/outbound; webhooks with a stricter one for tenants (libs/webhooks/README.md).',
      from: { path: '^(libs|apps)/', pathNot: `^libs/(providers|hosts|rollouts|webhooks|mcp|platform/outbound)/|^apps/(sandbox|cli|admin)/|${SPEC}` },
      to: { path: 'node_modules/undici/|^libs/platform/outbound/' },
    },
    {
      name: 'faces-only',
      severity: 'error',
      comment: 'Outside a lib only its index.ts (or platform/<part>/index.ts) may be imported.',
      from: { path: '^(apps/[^/]+|libs/platform/[^/]+|libs/[^/]+)/', pathNot: SPEC },
      to: { path: '^libs/', pathNot: '^$1/|^libs/[^/]+/index\\.ts$|^libs/(platform|tenants|catalog|hosts|limits|proof|tiers|usage|routing|selection)/[a-z-]+/index\\.ts$' },
    },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^(libs|apps)/', pathNot: `${SPEC}|main\\.ts$|\\.json$` }, to: {} },
    { name: 'declared-packages-only', severity: 'error', from: { path: '^(libs|apps)/', pathNot: SPEC }, to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/|\\.lua$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
}
