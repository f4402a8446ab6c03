import { Inject, Injectable } from '@nestjs/common'
import { GenerationsService } from '@tollgate/hosts'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { GenerationStore, type DueGeneration } from '@tollgate/usage/generations'

const AT_ONCE = 20
/** Over about half an hour; what a router has not counted by then it will not. */
const MOST_TRIES = 6

/** Asks routers what calls cost that broke before they said so, and books it with the attempt. */
@Injectable()
export class AskGenerationsJob {
  constructor(
    private readonly generations: GenerationStore,
    private readonly hosts: GenerationsService,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  async run(): Promise<void> {
    await Promise.all((await this.generations.take(AT_ONCE)).map((due) => this.ask(due)))
  }

  private async ask(due: DueGeneration): Promise<void> {
    const told = await this.hosts.costOf(due.host, due.name)
    if (told.kind === 'told') return this.generations.book(due, told)
    if (told.kind === 'not_yet' && due.tries < MOST_TRIES) return
    await this.generations.giveUp(due)
    this.logger.warn({ rid: due.rid, attempt: due.attempt, host: due.host, generation: due.name, reason: told.cause }, 'what an attempt cost was never told: the estimate stays')
  }
}
