import { startEmbeddedPostgres, startPrivateRedis } from '@tollgate/platform/embedded'

/**
 * A process that holds embedded servers until it is killed: for specs of what is left behind.
 * Arguments: Postgres data folder or `-`, Redis folder or `-`, kind of Redis. Ends with its parent. Prints one line of JSON, `{ postgresUrl, redisUrl }`.
 */
async function hold([dataDir = '-', redisDir = '-', kind = 'server']: string[]): Promise<void> {
  const postgres = dataDir === '-' ? null : await startEmbeddedPostgres({ dataDir, durability: 'safe' })
  const redis = redisDir === '-' ? null : await startPrivateRedis({ dir: redisDir, kind: kind as 'server' | 'js', appendOnly: kind === 'server' })
  process.stdout.write(`${JSON.stringify({ postgresUrl: postgres?.url, redisUrl: redis?.url })}\n`)
  setInterval(() => process.ppid === 1 && process.exit(), 2_000)
}

hold(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
