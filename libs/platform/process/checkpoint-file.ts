import { readFile, rename, rm, writeFile } from 'node:fs/promises'

/**
 * The progress of running calls in one file, for an installation whose Redis dies with the process (metering.md,
 * embedded mode). Replaced as a whole, so it is bounded by what runs and never half-written; not synced: it survives
 * `kill -9`, and a power cut costs what ran at that moment.
 */
export class CheckpointFile {
  private isEmpty = false

  constructor(private readonly path: string) {}

  /** Replaces the content. @param entries one JSON text a call; none removes the file */
  async write(entries: readonly string[]): Promise<void> {
    if (entries.length === 0) {
      if (this.isEmpty) return
      await rm(this.path, { force: true })
      this.isEmpty = true
      return
    }
    this.isEmpty = false
    await writeFile(`${this.path}.new`, `${entries.join('\n')}\n`, { mode: 0o600 })
    await rename(`${this.path}.new`, this.path)
  }

  /** What an earlier process left; empty when it ended in order. */
  async read(): Promise<string[]> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    return text.split('\n').filter((line) => line !== '')
  }
}
