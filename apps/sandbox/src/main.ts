import { readFileSync } from 'node:fs'
import { startSandbox, type SandboxOptions } from './sandbox'

/** Options of a sandbox run as a process of its own. */
interface ProcessOptions extends SandboxOptions {
  /** Stop when standard input closes, which it does when the parent dies. */
  exitWithParent?: boolean
}

function readOptions(argument: string | undefined): ProcessOptions {
  if (argument === undefined) throw new Error('usage: main.js <options as JSON | path of a JSON file>')
  const text = argument.trimStart().startsWith('{') ? argument : readFileSync(argument, 'utf8')
  return JSON.parse(text) as ProcessOptions
}

async function main(): Promise<void> {
  const options = readOptions(process.argv[2])
  const sandbox = await startSandbox(options)
  const hosts = sandbox.hosts.map(({ name, region, dialect, baseUrl, port }) => ({
    name,
    region,
    dialect,
    baseUrl,
    port,
  }))
  process.stdout.write(`${JSON.stringify({ ready: true, hosts })}\n`)
  let isStopping = false
  const stop = (): void => {
    if (isStopping) return
    isStopping = true
    sandbox.close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  if (options.exitWithParent) process.stdin.on('end', stop).on('close', stop).resume()
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
