import { isAbsolute } from 'node:path'
import { z } from 'zod'
import type { McpServer } from './domain/mcp-server'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/
const count = (min: number, max: number, preset: number) => z.number().int('must be a whole number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`).default(preset)

/** What servers are called, in the operator's file and by models. */
export const mcpServerName = z.string().regex(NAME, 'must be 1 to 32 letters, digits, dots, _ or -')

const limits = z
  .strictObject({
    rounds: count(1, 64, 8),
    timeout_ms: count(50, 600_000, 30_000),
    result_bytes: count(64, 1_048_576, 65_536),
    start_ms: count(50, 120_000, 10_000),
  })
  .prefault({})

const common = {
  name: mcpServerName,
  tools: z.array(z.string().min(1).max(128)).min(1, 'names no tool: leave it out for all').max(200).optional(),
  tiers: z.array(z.string().min(1).max(63)).min(1, 'names no tier: leave it out for all').max(100).optional(),
  limits,
}
const texts = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a variable'), z.string().max(10_000)).default({})
const headers = z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be the name of a header'), z.string().max(10_000).regex(/^[\t\x20-\x7e]*$/, 'must be printable ASCII')).default({})
const address = z.url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' }).max(2_000)

const stdio = z.strictObject({
  ...common,
  transport: z.literal('stdio'),
  command: z.string().min(1).max(4_096),
  args: z.array(z.string().max(10_000)).max(100).default([]),
  env: texts,
  cwd: z.string().max(4_096).refine(isAbsolute, 'must be an absolute path').default('/'),
})
const http = z
  .strictObject({ ...common, transport: z.enum(['http', 'streamable_http']), url: address.optional(), base_url: address.optional(), headers })
  .refine(({ url, base_url: baseUrl }) => (url === undefined) !== (baseUrl === undefined), { path: ['url'], error: 'must be given once, as url or base_url' })

/** `mcp` of the operator's file. Unknown keys are faults, as everywhere in it. */
export const mcpSectionSchema = z
  .strictObject({ servers: z.array(z.discriminatedUnion('transport', [stdio, http], 'transport must be stdio or streamable_http')).max(32).nullish() })
  .superRefine(({ servers }, context) => {
    for (const [i, { name }] of (servers ?? []).entries()) {
      const first = servers!.findIndex((other) => other.name === name)
      if (first < i) context.addIssue({ code: 'custom', path: ['servers', i, 'name'], message: `stands twice in this file: ${name} is mcp.servers.${first} as well` })
    }
  })

type Section = z.output<typeof mcpSectionSchema>

/** Servers of a section, in the room's words. */
export function serversOf(section: Section | null | undefined): McpServer[] {
  return (section?.servers ?? []).map(({ limits: said, ...entry }) => {
    const shared = {
      name: entry.name,
      tools: entry.tools ?? null,
      tiers: entry.tiers ?? null,
      limits: { rounds: said.rounds, timeoutMs: said.timeout_ms, resultBytes: said.result_bytes, startMs: said.start_ms },
    }
    if (entry.transport === 'stdio') return { ...shared, transport: 'stdio', command: entry.command, args: entry.args, env: entry.env, cwd: entry.cwd }
    return { ...shared, transport: 'http', url: (entry.url ?? entry.base_url)!, headers: entry.headers }
  })
}
