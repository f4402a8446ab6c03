import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

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
  async run(redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    holdWrites(redis)
    try {
      return await redis.evalsha(this.sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return redis.eval(this.text, keys.length, ...keys, ...args)
    }
  }
}

function holdWrites(redis: Redis): void {
  const { stream } = redis
  if (!stream || stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}
