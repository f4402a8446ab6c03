import { machineClock, type SandboxClock } from './clock'
import { SandboxHost, type SandboxHostOptions } from './host'
import { LogFile } from './journal'

/** What a sandbox is made of. */
export interface SandboxOptions {
  hosts: SandboxHostOptions[]
  /** Every ended request is appended here as one JSON line. */
  logFile?: string
  /** Address to listen on, 127.0.0.1 when absent. */
  listenHost?: string
  clock?: SandboxClock
}

/** Running simulated upstreams. */
export interface Sandbox {
  readonly hosts: readonly SandboxHost[]
  /** The host of that name; throws when there is none. */
  host(name: string): SandboxHost
  /** Stops every host and resolves once the log file is written. */
  close(): Promise<void>
}

/** Starts the hosts, each on its port; rejects when one cannot listen. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const file = options.logFile === undefined ? undefined : new LogFile(options.logFile)
  const byName = new Map<string, SandboxHost>()
  for (const host of options.hosts) {
    if (byName.has(host.name)) throw new Error(`two sandbox hosts are named '${host.name}'`)
    const find = (name: string): SandboxHost | undefined => byName.get(name)
    byName.set(
      host.name,
      new SandboxHost(host, options.listenHost ?? '127.0.0.1', find, file, options.clock ?? machineClock),
    )
  }
  const hosts = [...byName.values()]
  const close = async (): Promise<void> => {
    await Promise.all(hosts.map((host) => host.stop()))
    await file?.close()
  }
  try {
    await Promise.all(hosts.map((host) => host.start()))
  } catch (error) {
    await close()
    throw error
  }
  return {
    hosts,
    host(name) {
      const found = byName.get(name)
      if (!found) throw new Error(`no sandbox host is named '${name}'`)
      return found
    },
    close,
  }
}
