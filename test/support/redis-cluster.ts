import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findRedisServer } from '../../libs/platform/embedded/index'
import { spawnLeashed, type Leashed } from '../../libs/platform/embedded/leash'
import { eventually, freePorts } from './eventually'
import { tempFolder } from './temp-folder'

const MASTERS = 3
const SLOTS = 16_384
/** How long a node is silent before the others take it for dead. */
const NODE_TIMEOUT_MS = 1_000
const READY_MS = 30_000

interface Node {
  readonly port: number
  readonly bus: number
  readonly dir: string
  server: Leashed
}

/** A private Redis Cluster of three masters, each with a replica or without, of real servers on this machine. */
export class RedisCluster {
  private constructor(
    private readonly nodes: readonly Node[],
    private readonly remove: () => void,
  ) {}

  /** What REDIS_URL is to be. */
  get url(): string {
    return this.nodes.slice(0, MASTERS).map(({ port }) => `redis://127.0.0.1:${port}`).join(',')
  }

  static async start(options: { hasReplicas: boolean }): Promise<RedisCluster> {
    const folder = tempFolder()
    const nodes: Node[] = []
    const count = options.hasReplicas ? 2 * MASTERS : MASTERS
    const ports = await freePorts(2 * count)
    for (let index = 0; index < count; index++) {
      const [port, bus] = ports.slice(2 * index) as [number, number]
      const dir = join(folder.path, String(index))
      mkdirSync(dir)
      nodes.push({ port, bus, dir, server: run({ port, bus, dir }) })
    }
    const cluster = new RedisCluster(nodes, () => folder.remove())
    try {
      await cluster.join()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** `kill -9` of the master that holds a key. @returns how it comes back */
  async killMasterOf(key: string): Promise<() => void> {
    const slot = await this.ask(this.nodes[0]!, (redis) => redis.cluster('KEYSLOT', key))
    const { node } = (await this.masters(this.nodes[0]!)).find(({ from, to }) => slot >= from && slot <= to)!
    await kill(node)
    return () => (node.server = run(node))
  }

  /**
   * `kill -9` of a master. Resolves when its replica has taken its place, and it is back with all that its successor holds:
   * whichever master falls next, there is one to take over. @param pick chooses among the three
   */
  async failOver(pick: <T>(masters: readonly T[]) => T): Promise<void> {
    const { from, node } = pick(await this.masters(this.nodes[0]!))
    const witness = this.nodes.find((one) => one !== node)!
    await kill(node)
    await eventually(async () => {
      const successor = (await this.masters(witness)).find((master) => master.from === from)
      if (!successor || successor.node === node) throw new Error('nobody took over yet')
    }, { timeoutMs: READY_MS })
    node.server = run(node)
    await this.hasCopy(node)
    await this.everyNode(isUp)
  }

  async stop(): Promise<void> {
    for (const { server } of this.nodes) if (server.isRunning()) process.kill(-server.groupId, 'SIGKILL')
    await Promise.all(this.nodes.map(({ server }) => server.release()))
    this.remove()
  }

  private async join(): Promise<void> {
    for (const node of this.nodes) await eventually(() => this.ask(node, (redis) => redis.ping()), { timeoutMs: READY_MS })
    const [first, ...others] = this.nodes
    for (const [index, node] of this.nodes.slice(0, MASTERS).entries()) {
      const [from, to] = [index, index + 1].map((part) => Math.floor((SLOTS * part) / MASTERS)) as [number, number]
      await this.ask(node, (redis) => redis.call('CLUSTER', 'ADDSLOTSRANGE', from, to - 1))
    }
    for (const { port, bus } of others) await this.ask(first!, (redis) => redis.call('CLUSTER', 'MEET', '127.0.0.1', port, bus))
    await this.everyNode(async (redis) => {
      if (!(await redis.cluster('INFO')).includes(`cluster_known_nodes:${this.nodes.length}`)) throw new Error('the nodes do not know each other yet')
    })
    for (const [index, node] of this.nodes.slice(MASTERS).entries()) {
      const master = await this.ask(this.nodes[index]!, (redis) => redis.cluster('MYID'))
      await eventually(() => this.ask(node, (redis) => redis.cluster('REPLICATE', master)), { timeoutMs: READY_MS })
    }
    await this.everyNode(isUp)
    for (const node of this.nodes.slice(MASTERS)) await this.hasCopy(node)
  }

  private async masters(asked: Node): Promise<{ from: number; to: number; node: Node }[]> {
    const ranges = await this.ask(asked, (redis) => redis.cluster('SLOTS'))
    return ranges.map(([from, to, master]) => ({ from, to, node: this.nodes.find(({ port }) => port === master![1])! }))
  }

  private async hasCopy(replica: Node): Promise<void> {
    await eventually(() => this.ask(replica, async (redis) => {
      if (!(await redis.info('replication')).includes('master_link_status:up')) throw new Error('a replica has no copy yet')
    }), { timeoutMs: READY_MS })
  }

  private async everyNode(look: (redis: Redis) => Promise<void>): Promise<void> {
    for (const node of this.nodes) await eventually(() => this.ask(node, look), { timeoutMs: READY_MS })
  }

  private async ask<T>({ port }: Pick<Node, 'port'>, work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
    redis.on('error', () => undefined)
    try {
      await redis.connect()
      return await work(redis)
    } finally {
      redis.disconnect()
    }
  }
}

async function isUp(redis: Redis): Promise<void> {
  if (!(await redis.cluster('INFO')).includes('cluster_state:ok')) throw new Error('the cluster is not up yet')
}

async function kill({ server }: Node): Promise<void> {
  process.kill(-server.groupId, 'SIGKILL')
  await server.release()
}

function run({ port, bus, dir }: Pick<Node, 'port' | 'bus' | 'dir'>): Leashed {
  const settings = { port, bind: '127.0.0.1', dir, 'cluster-enabled': 'yes', 'cluster-port': bus, 'cluster-node-timeout': NODE_TIMEOUT_MS, 'cluster-replica-validity-factor': 0, appendonly: 'yes', appendfsync: 'everysec', save: '', 'maxmemory-policy': 'noeviction', 'repl-diskless-sync-delay': 0 }
  return spawnLeashed({ command: findRedisServer()!, args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]), softSignal: 'TERM', hardSignal: 'KILL', graceSeconds: 2, account: null })
}
