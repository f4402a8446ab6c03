import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = join(__dirname, '../..')

/** A small house with one violation of every rule; the file's first line is what it must not do. */
const SEEDED: Record<string, string> = {
  'libs/kernel/index.ts': `import '../pricing/index'\nexport const kernel = 1`,
  'libs/pricing/index.ts': `import '../tenants/index'\nexport const pricing = 1`,
  'libs/routing/index.ts': `export const routing = 1`,
  'libs/tenants/index.ts': `export const tenants = 1`,
  'libs/tenants/domain/rule.ts': `import { z } from 'zod'\nexport const rule = z`,
  'libs/tenants/tenants.service.ts': `import '../tiers/index'\nimport '../chat/index'\nimport './domain/rule'\nimport { Redis } from 'ioredis'\nexport const service = Redis`,
  'libs/tiers/index.ts': `import './first'\nexport const tiers = 1`,
  'libs/tiers/first.ts': `import './second'\nexport const first = 1`,
  'libs/tiers/second.ts': `import './first'\nimport { request } from 'undici'\nimport fc from 'fast-check'\nexport const second = [request, fc]`,
  'libs/chat/index.ts': `import '../../apps/gateway/src/main'\nexport const chat = 1`,
  'libs/platform/http/index.ts': `import '../../tenants/tenants.service'\nexport const http = 1`,
  'libs/usage/lonely.ts': `export const lonely = 1`,
  'apps/gateway/src/main.ts': `import '../../../libs/tiers/first'\nimport '../../worker/src/main'\nimport './document/answers'\nexport const gateway = 1`,
  'apps/gateway/src/document/answers.ts': `export const answers = 1`,
  'apps/worker/src/main.ts': `import '../../../libs/chat/index'\nexport const worker = 1`,
  'apps/standalone/src/main.ts': `import '../../gateway/src/main'\nexport const standalone = 1`,
}

const RULES = [
  'no-cycles',
  'kernel-imports-nothing',
  'pure-libs-import-kernel-only',
  'domain-is-pure',
  'rooms-have-no-doors-between-them',
  'rooms-do-not-know-the-corridor',
  'platform-knows-no-room',
  'libs-do-not-know-apps',
  'apps-do-not-know-each-other',
  'standalone-knows-only-modules-of-other-apps',
  'nobody-loads-the-document',
  'only-the-gateway-walks-the-corridor',
  'database-and-redis-drivers-stay-in-stores',
  'outbound-http-only-from-providers-hosts-and-webhooks',
  'faces-only',
  'no-orphans',
  'declared-packages-only',
]

describe('the import matrix', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-matrix-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('fails on a seeded violation of every rule', () => {
    for (const [path, text] of Object.entries(SEEDED)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) copyFileSync(join(root, file), join(folder, file))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
    const run = spawnSync(process.execPath, [cruiser, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'libs', 'apps'], { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 })
    const { summary } = JSON.parse(run.stdout) as { summary: { violations: { rule: { name: string } }[] } }
    const violated = new Set(summary.violations.map((violation) => violation.rule.name))
    expect(RULES.filter((rule) => !violated.has(rule))).toEqual([])
  })
})
