import { Inject, Injectable } from '@nestjs/common'
import { addUsage, type ChatEvent, type Usage } from '@tollgate/kernel'
import type { Reservation } from '@tollgate/limits'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import type { AttemptOutcome } from '@tollgate/providers'
import { AttemptsService, type Attempted } from './attempts.service'
import type { ChatReply, ServedBy } from './chat-result'
import { completedEstimate } from './conclude'
import type { CallPlan } from './plan'
import type { RunningCall } from './running-call'

const LONGEST_RAW = 2_048

/**
 * Gets as many choices as the caller asked for (OpenAI's `n`). Upstreams that know the field give them at once; the
 * others are asked again, one choice after the other, so that a call never holds more than one place on a host. All
 * shares of an answer come from one target, since one call is billed by one price row, and count together.
 */
@Injectable()
export class ChoicesService {
  constructor(
    private readonly attempts: AttemptsService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
  ) {}

  /** The outcome of the whole answer, and who served it. Never rejects for what an upstream does. */
  async run(call: RunningCall, plan: CallPlan, reservation: Reservation, reply: ChatReply, signal: AbortSignal): Promise<Pick<Attempted, 'outcome' | 'served'>> {
    const totalMs = this.config.TOLLGATE_TOTAL_TIMEOUT_MS
    const first = await this.attempts.run(call, { targets: plan.targets, request: call.request, maxTokens: plan.maxTokens, firstChoice: 0, totalMs }, reservation, reply, signal)
    if (plan.choices === 1 || first.outcome.failure) return first
    const answer = new GatheredAnswer(call, first.outcome)
    while (answer.choices < plan.choices && answer.mayAskAgain(plan.promptTokens)) {
      const share = { targets: [first.target], request: { ...call.request, choices: plan.choices - answer.choices }, maxTokens: plan.maxTokens, firstChoice: answer.choices, totalMs: Math.max(1, totalMs - call.gpuMs) }
      const { outcome } = await this.attempts.run(call, share, reservation, new LaterChoices(reply, answer.choices, answer.pushedEvents > 0), signal)
      if (outcome.failure) return { outcome: answer.failedBy(outcome), served: first.served }
      answer.add(outcome)
    }
    if (answer.choices < plan.choices) call.warnings = [...call.warnings, `the provider gave ${answer.choices} of ${plan.choices} choices`]
    return { outcome: answer.outcome(), served: first.served }
  }
}

/** Shares of one answer put together. */
class GatheredAnswer {
  private readonly shares: AttemptOutcome[] = []
  private usage: Usage | null = null
  private dearestPrompt = 0

  constructor(
    private readonly call: RunningCall,
    first: AttemptOutcome,
  ) {
    this.add(first)
  }

  add(share: AttemptOutcome): void {
    const usage = share.usage ?? completedEstimate(this.call, share)
    this.call.endShare(usage)
    this.shares.push(share)
    this.usage = this.usage ? addUsage(this.usage, usage) : usage
    this.dearestPrompt = Math.max(this.dearestPrompt, usage.promptTokens)
  }

  get choices(): number {
    return this.shares.reduce((sum, { finishReasons }) => sum + finishReasons.length, 0)
  }

  /** Each share reads the prompt once more: only as often as the reservation covers it. */
  mayAskAgain(reservedPromptTokens: number): boolean {
    return this.usage!.promptTokens + this.dearestPrompt <= reservedPromptTokens
  }

  /** The answer when a later share failed. */
  failedBy(share: AttemptOutcome): AttemptOutcome {
    return { ...share, pushedEvents: this.pushedEvents + share.pushedEvents, flags: this.flags(share) }
  }

  outcome(): AttemptOutcome {
    const [first] = this.shares
    const raw = this.shares.flatMap(({ rawUsage }) => rawUsage ?? [])
    const together = raw.length === 1 ? raw[0]! : `[${raw.join(',')}]`
    const rawUsage = raw.length === 0 ? null : together.length <= LONGEST_RAW ? together : raw[0]!
    return { ...first!, finishReasons: this.shares.flatMap(({ finishReasons }) => finishReasons), usage: this.usage, rawUsage, pushedEvents: this.pushedEvents, flags: this.flags() }
  }

  get pushedEvents(): number {
    return this.shares.reduce((sum, { pushedEvents }) => sum + pushedEvents, 0)
  }

  private flags(more?: AttemptOutcome): string[] {
    return [...new Set([...this.shares, ...(more ? [more] : [])].flatMap(({ flags }) => flags))]
  }
}

/** A later share on its way into the same reply: its choices are numbered on, and the reply begins once. */
class LaterChoices implements ChatReply {
  constructor(
    private readonly reply: ChatReply,
    private readonly offset: number,
    private readonly hasBegun: boolean,
  ) {}

  begin(served: ServedBy): void {
    if (!this.hasBegun) this.reply.begin(served)
  }

  push(event: ChatEvent): boolean {
    return this.reply.push({ ...event, choice: event.choice + this.offset })
  }

  onDrain(resume: () => void): void {
    this.reply.onDrain(resume)
  }
}
