import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Cluster, Command } from 'ioredis'
import type { RedisLink } from './redis-link'

const UTF8 = { replyEncoding: 'utf8' } as const

/** A Lua script run by EVALSHA; a server that has not seen it (fresh, restarted, failed over) gets the text once. */
export class LuaScript {
  private readonly sha: string

  private constructor(private readonly text: string) {
    this.sha = createHash('sha1').update(text).digest('hex')
  }

  /** Reads a script file. @param path absolute path of a `.lua` file beside its store */
  static load(path: string): LuaScript {
    return new LuaScript(readFileSync(path, 'utf8'))
  }

  /** Runs the script; scripts of one turn of the event loop leave in one write, since a system call costs more than a script. */
  async run(redis: RedisLink, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    holdWrites(redis)
    try {
      // The typed method copies its arguments three times before it does just this.
      return await redis.sendCommand(new ScriptCommand([this.sha, String(keys.length), ...keys, ...args.map(String)]))
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return redis.eval(this.text, keys.length, ...keys, ...args)
    }
  }
}

/**
 * A command whose patience begins when this turn has written it, and that looks at its socket once more before it gives up.
 * Else a process that was busy for that long takes a Redis for dead whose reply lies there unread, and refuses a whole crowd.
 */
class ScriptCommand extends Command {
  /** @param args flat and all text, as they are sent: to be looked through for what is neither would take longer than to be sent */
  constructor(args: string[]) {
    super('evalsha', [], UTF8)
    this.args = args
  }

  override setTimeout(ms: number): void {
    setImmediate(() => {
      if (this.isSettled) return
      const giveUp = () => {
        if (!this.isSettled) this.reject(new Error('Command timed out'))
      }
      const timer = setTimeout(() => setImmediate(giveUp), ms)
      const clear = () => clearTimeout(timer)
      this.promise.then(clear, clear)
    })
  }
}

/** A cluster has a connection to each of its nodes, and writes as it likes. */
function holdWrites(redis: RedisLink): void {
  if (redis instanceof Cluster) return
  const { stream } = redis
  if (!stream || stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}
