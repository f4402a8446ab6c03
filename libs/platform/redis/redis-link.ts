import { Cluster, Redis } from 'ioredis'

/** A connection to one Redis, or to the nodes of a cluster; the commands are the same. */
export type RedisLink = Redis | Cluster

const CONNECT_TIMEOUT_MS = 2_000
const RECONNECT_MOST_MS = 500
/** A command whose node died is sent again so often, after so many ms: a failover takes longer than a call's patience anyway. */
const CLUSTER_TRIES = 5
const CLUSTER_PAUSE_MS = 100

/** The addresses of a REDIS_URL: one server; several after commas, or one with `?cluster=true`, are nodes of a cluster. */
export function redisNodes(url: string): { readonly urls: readonly URL[]; readonly isCluster: boolean } {
  const urls = url.split(',').map((part) => new URL(part.trim()))
  return { urls, isCluster: urls.length > 1 || urls[0]!.searchParams.get('cluster') === 'true' }
}

/** Opens a link, not connected yet. Nothing waits in a queue while it is away. @param commandTimeoutMs the most a command waits */
export function openLink(url: string, commandTimeoutMs?: number): RedisLink {
  const { urls, isCluster } = redisNodes(url)
  const patience = commandTimeoutMs === undefined ? {} : { commandTimeout: commandTimeoutMs }
  if (!isCluster) {
    return new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      // ioredis catches no failure of a subscription it renews by itself; ChangeNotices renews its own.
      autoResubscribe: false,
      maxRetriesPerRequest: 1,
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy: (attempt) => Math.min(RECONNECT_MOST_MS, attempt * 50),
      ...patience,
    })
  }
  const [first] = urls
  const login = { ...(first!.username ? { username: decodeURIComponent(first!.username) } : {}), ...(first!.password ? { password: decodeURIComponent(first!.password) } : {}) }
  return new Cluster(urls.map(({ hostname, port }) => ({ host: hostname, port: Number(port || 6379) })), {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRedirections: CLUSTER_TRIES,
    retryDelayOnFailover: CLUSTER_PAUSE_MS,
    retryDelayOnClusterDown: CLUSTER_PAUSE_MS,
    retryDelayOnTryAgain: CLUSTER_PAUSE_MS,
    // A failover that no redirection tells of is seen by asking.
    slotsRefreshInterval: 1_000,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    clusterRetryStrategy: (attempt) => Math.min(RECONNECT_MOST_MS, attempt * 50),
    redisOptions: { connectTimeout: CONNECT_TIMEOUT_MS, ...login, ...(first!.protocol === 'rediss:' ? { tls: {} } : {}), ...patience },
  })
}

/** Are keys spread over nodes, so that a command or script may name those of one slot only? */
export function isCluster(link: RedisLink): link is Cluster {
  return link instanceof Cluster
}

/** Every server that holds keys: the one, or the masters of a cluster. */
export function mastersOf(link: RedisLink): Redis[] {
  return link instanceof Cluster ? link.nodes('master') : [link]
}

/** Calls back whenever a server went away: its replies may be lost, and what it held may be older when it is back. */
export function onInterruption(link: RedisLink, listener: () => void): void {
  link.on('close', listener)
  if (link instanceof Cluster) for (const event of ['-node', 'node error']) link.on(event, listener)
}
