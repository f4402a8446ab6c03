import { readFileSync } from 'node:fs'
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common'
import { McpService, mcpSectionSchema, serversOf, type McpServer } from '@tollgate/mcp'
import { ConfigFile, readConfig, type Fault } from '@tollgate/operator-config'
import { CONFIG, processEnvironment, type ClusterConfig } from '@tollgate/platform/config'
import { StartError } from '@tollgate/platform/process'

type Path = Parameters<ConfigFile['fault']>[0]

/**
 * Tool servers, from the operator's file on this machine and nowhere else: what they start and call never comes out of
 * the database (security.md, F25). Read once, when the process starts; a file with a fault stops the start.
 */
@Injectable()
export class McpFile implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: ClusterConfig,
    private readonly mcp: McpService,
  ) {}

  onModuleInit(): void {
    const path = this.config.TOLLGATE_MCP_FILE
    if (path === undefined) return
    const servers = readServers(path, textOf(path), processEnvironment())
    const wrong = this.mcp.configure(servers)
    if (wrong.length > 0) throw new StartError(wrong.map(({ server, reason }) => `TOLLGATE_MCP_FILE: mcp.servers ${server}: ${reason}`).join('\n'))
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new StartError(`TOLLGATE_MCP_FILE: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}

/** Servers of a file, which may be the operator's whole file. @throws StartError naming every fault with its line and column */
export function readServers(name: string, text: string, variables: Readonly<Record<string, string | undefined>>): McpServer[] {
  // What the variables of other sections are is not this process's business.
  const read = readConfig(text, variables, 'mcp')
  if (read.kind === 'faulty') throw startError(name, read.faults)
  const { file } = read
  const root = file.root as Record<string, unknown>
  const strange = Object.keys(root).filter((key) => !(ConfigFile.SECTIONS as readonly string[]).includes(key))
  if (strange.length > 0) throw startError(name, strange.map((key) => file.fault([key], 'is not a section of this file')))
  const parsed = mcpSectionSchema.nullish().safeParse(root.mcp)
  if (parsed.success) return serversOf(parsed.data)
  throw startError(name, parsed.error.issues.flatMap((issue) => {
    const path = ['mcp', ...issue.path] as Path
    return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => file.fault([...path, key], 'is not a field of this object')) : [file.fault(path, issue.message)]
  }))
}

function startError(name: string, faults: readonly Fault[]): StartError {
  return new StartError(faults.map(({ line, column, path, message }) => `${name}: line ${line}, column ${column}: ${path ? `${path} ` : ''}${message}`).join('\n'))
}
