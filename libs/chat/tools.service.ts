import { Inject, Injectable } from '@nestjs/common'
import { addUsage, refuse, type ChatMessage, type Clock, type Ids } from '@tollgate/kernel'
import { failureText, type ToolOutcome } from '@tollgate/mcp'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { AccessService } from './access.service'
import type { ChatResult, CompletedChat } from './chat-result'
import { ChatService, type ChatCall } from './chat.service'
import { CheckpointService } from './checkpoint.service'
import { CorridorRooms } from './corridor-rooms'
import { argumentsOf, ownToolNames, roundRequest, whyNoTools, type Equipped } from './tool-offer'
import { ToolReply, type OwnCall } from './tool-reply'
import { ToolTrace } from './tool-trace'

/** Calls of one answer that are run; a model that asks for more is told so. */
const MOST_CALLS = 16
const MOST_WARNINGS = 20

/** A call whose rounds run. */
interface Walk extends Equipped {
  readonly call: ChatCall
  readonly trace: ToolTrace
  readonly reply: ToolReply
  readonly startMs: number
  readonly endMs: number
  readonly warnings: string[]
  readonly rounds: CompletedChat[]
}

/**
 * Calls of models that are given tools of the operator (libs/mcp): ask → run the tools it calls → ask again with their
 * results, until it answers or calls a tool of the client, which is the client's to run. Every round is a call of its own
 * through the corridor: admitted, limited, billed and recorded; the first goes by the client's request id. The reply's
 * usage and cost are the sum. Calls of other models pass through.
 */
@Injectable()
export class ToolsService {
  constructor(
    private readonly chat: ChatService,
    private readonly access: AccessService,
    private readonly rooms: CorridorRooms,
    private readonly checkpoints: CheckpointService,
    @Inject(CONFIG) private readonly config: ClusterConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  /** Serves a call, with the tools of its model if it has any. */
  async serve(call: ChatCall): Promise<ChatResult> {
    const startMs = this.clock.monotonicMs()
    const equipped = await this.equip(call)
    if ('call' in equipped) return this.serveWithout(equipped.call, equipped.warnings)
    const trace = new ToolTrace(equipped.offer, call.rid)
    const reply = new ToolReply(call.reply, equipped.byAlias, () => `call_${this.ids.uuid().replaceAll('-', '').slice(-24)}`)
    try {
      return await this.walk({ ...equipped, call, trace, reply, startMs, endMs: startMs + this.config.TOLLGATE_TOTAL_TIMEOUT_MS, warnings: [...equipped.offer.warnings], rounds: [] })
    } finally {
      trace.release()
    }
  }

  /** The dry run of the first round. */
  async foresee(call: ChatCall): ReturnType<ChatService['foresee']> {
    const equipped = await this.equip(call)
    if ('call' in equipped) return this.chat.foresee({ ...equipped.call, ...(equipped.warnings.length > 0 ? { part: noTools(equipped.warnings) } : {}) })
    return this.chat.foresee({ ...call, request: roundRequest(equipped, [], false), selection: equipped.selection, part: new ToolTrace(equipped.offer, call.rid) })
  }

  /** Without tools, which is told where the model has some. */
  private async serveWithout(call: ChatCall, warnings: readonly string[]): Promise<ChatResult> {
    if (warnings.length === 0) return this.chat.serve(call)
    const trace = noTools(warnings)
    const result = await this.chat.serve({ ...call, part: trace }).finally(() => trace.release())
    return result.kind === 'completed' ? { ...result, warnings: [...result.warnings, ...warnings] } : result
  }

  private async equip(call: ChatCall): Promise<Equipped | { readonly call: ChatCall; readonly warnings: readonly string[] }> {
    const { caller, request } = call
    if (request.embedding || !this.rooms.catalog.givesTools) return { call, warnings: [] }
    const selection = await this.access.select(caller, request)
    if (selection.kind === 'refused' || selection.model.mcpServers.length === 0) return { call, warnings: [] }
    const chosen = { ...call, selection }
    const why = whyNoTools(request, selection)
    if (why !== null) return { call: chosen, warnings: why === '' ? [] : [why] }
    const offer = await this.rooms.mcp.offer(selection.model.mcpServers, selection.tier.slug, ownToolNames(request))
    if (offer.tools.length === 0) return { call: chosen, warnings: offer.warnings }
    return { request, selection, offer, byAlias: new Map(offer.tools.map((tool) => [tool.alias, tool])) }
  }

  private async walk(walk: Walk): Promise<ChatResult> {
    const { call, offer, reply, rounds, trace, warnings } = walk
    const added: ChatMessage[] = []
    for (let round = 1; ; round++) {
      const isLast = round > offer.rounds
      const rid = round === 1 ? call.rid : this.ids.uuid()
      const result = await this.chat.serve({ ...call, rid, reply, request: roundRequest(walk, added, isLast), selection: walk.selection, part: round === 1 ? trace : trace.later(round) })
      if (result.kind !== 'completed') return this.broken(walk, rid, result)
      rounds.push(result)
      trace.noteRound(rid, result)
      const { own, theirs, assistant } = reply.endRound()
      if (isLast) warnings.push(`the model was asked again with results of tools ${offer.rounds} times, the most allowed, and had to answer without more`)
      if (own.length === 0) return this.together(walk)
      if (theirs > 0) {
        warnings.push(`calls of ${named(own)} were not run: the answer calls tools of yours as well, and those are run first`)
        return this.together(walk)
      }
      if (isLast) return this.together(walk, 'length')
      added.push(assistant, ...(await this.runAll(walk, own)))
      if (call.stop.signal.aborted) return this.broken(walk, rid, { kind: 'refused', refusal: refuse('client_closed') })
      if (this.checkpoints.stopping.aborted) return this.broken(walk, rid, { kind: 'refused', refusal: refuse('shutting_down', {}, { retryAfterSeconds: 1 }) })
      if (this.clock.monotonicMs() >= walk.endMs) {
        warnings.push('the time of a call was used up by its tools: the model was not asked again')
        return this.together(walk, 'length')
      }
    }
  }

  /** Their results as messages, in the order of the calls. */
  private async runAll(walk: Walk, own: readonly OwnCall[]): Promise<ChatMessage[]> {
    const { call, endMs } = walk
    // A timer may ring a millisecond early, and the model would be asked again for it.
    const signal = AbortSignal.any([call.stop.signal, this.checkpoints.stopping, AbortSignal.timeout(Math.max(1, Math.ceil(endMs - this.clock.monotonicMs()) + 1))])
    return Promise.all(
      own.map(async (one, index): Promise<ChatMessage> => {
        const text = index < MOST_CALLS ? await this.run(walk, one, signal) : failureText(`an answer may call ${MOST_CALLS} tools at most`).text
        return { role: 'tool', tool_call_id: one.call.id, content: text }
      }),
    )
  }

  private async run({ trace, warnings }: Walk, { tool, call }: OwnCall, signal: AbortSignal): Promise<string> {
    const args = argumentsOf(call.function.arguments)
    const outcome: ToolOutcome = args ? await this.rooms.mcp.call(tool, args, signal) : { ...failureText('its arguments are not a JSON object'), outcome: 'bad_arguments', durationMs: 0 }
    trace.noteCall(tool, outcome)
    const name = `${tool.server}/${tool.tool}`
    if (outcome.isCut) warnings.push(`the result of ${name} was cut: it was ${outcome.bytes} bytes`)
    if (!['ok', 'failed', 'refused', 'bad_arguments'].includes(outcome.outcome)) warnings.push(`${name} gave no result (${outcome.outcome})`)
    return outcome.text
  }

  /** All rounds as one call: served by the last, used and billed what all did, as long as they and the tools took. */
  private together({ rounds, warnings, startMs }: Walk, finishReason?: 'length'): CompletedChat {
    return {
      ...rounds.at(-1)!,
      ...(finishReason ? { finishReason, finishReasons: [finishReason] } : {}),
      usage: rounds.map(({ usage }) => usage).reduce(addUsage),
      costPico: rounds.reduce((sum, { costPico }) => sum + costPico, 0n),
      durationMs: Math.round(this.clock.monotonicMs() - startMs),
      firstEventMs: rounds[0]!.firstEventMs,
      warnings: [...new Set([...rounds.flatMap((round) => round.warnings), ...warnings])].slice(0, MOST_WARNINGS),
    }
  }

  /** A round that failed after others: those are billed and perhaps sent, so it is no plain refusal any more. */
  private broken({ rounds, trace }: Walk, rid: string, result: Exclude<ChatResult, CompletedChat>): ChatResult {
    trace.noteFailedRound(rid, result.kind === 'unrecorded' ? 'usage_unavailable' : result.refusal.code)
    if (rounds.length === 0 || result.kind === 'unrecorded') return result
    return { kind: 'broken', refusal: { ...result.refusal, details: { ...result.refusal.details, billed_rounds: rounds.length } } }
  }
}

function noTools(warnings: readonly string[]): ToolTrace {
  return new ToolTrace({ tools: [], rounds: 0, warnings }, null)
}

function named(own: readonly OwnCall[]): string {
  return own.map(({ tool }) => `${tool.server}/${tool.tool}`).join(', ')
}
