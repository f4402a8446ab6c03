import { Inject, Injectable } from '@nestjs/common'
import type { Clock, Ids } from '@tollgate/kernel'
import { CLOCK, IDS } from '@tollgate/platform/clock'
import { ChangeNotices } from '@tollgate/platform/redis'
import { HostLoad } from '../host-load'
import { QueueStore, type Entry, type Picked, type Standing, type Ticket } from './queue.store'

/** Somebody is taken to wait for a host for so long after it was last said; the next look at the line says so again. */
const WANTED_MS = 3_000
/** A slot that was lent to a gateway which does not name it in its words is back after this time: its message was lost. */
const LOST_MS = 4_000

type Message =
  | { readonly is: 'want'; readonly from: string; readonly model: string; readonly hosts: readonly string[] }
  | { readonly is: 'grant'; readonly from: string; readonly to: string; readonly id: string; readonly hostId: string }
  | { readonly is: 'end'; readonly to: string; readonly id: string }

/** What the gate does for the line. */
export interface LineKeeper {
  /** Somebody waits for a slot of these hosts. */
  wanted(model: string, hosts: readonly string[]): void
  /** A call of this gateway may use another's slot. @returns false when it waits no longer */
  granted(id: string, hostId: string): boolean
  /** A slot that was lent came back: from a call that began at `lentMs` (monotonic), or because nobody was heard to use it (null). */
  returned(model: string, hostId: string, lentMs: number | null): void
}

interface Loan {
  readonly to: string
  readonly model: string
  readonly hostId: string
  readonly sinceMs: number
}

/**
 * One line a model for all gateways. A gateway whose slot comes free asks Redis who is next; when that call waits at
 * another gateway, the slot is lent to it and comes back when the call ends. So slots stay divided among gateways, and
 * who is next is decided in one place. Messages are best effort: what is lost is found by words and by waiting no longer.
 */
@Injectable()
export class SharedLine {
  readonly self: string
  private readonly wantedUntilMs = new Map<string, number>()
  private readonly lent = new Map<string, Loan>()
  private keeper: LineKeeper | undefined

  constructor(
    private readonly store: QueueStore,
    private readonly notices: ChangeNotices,
    private readonly load: HostLoad,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(IDS) private readonly ids: Ids,
  ) {
    this.self = ids.uuid()
    load.line = { id: this.self, borrowed: new Map() }
    load.onHear(() => this.reclaim())
    notices.listen(({ topic, id }) => topic === 'line' && id !== undefined && this.hear(JSON.parse(id) as Message))
  }

  serve(keeper: LineKeeper): void {
    this.keeper = keeper
  }

  /** May somebody be waiting for this host? Then nobody who comes now may take a slot of it before asking. */
  isWanted(model: string, hostId: string): boolean {
    return (this.wantedUntilMs.get(`${hostId} ${model}`) ?? 0) > this.clock.monotonicMs()
  }

  nextId(): string {
    return this.ids.uuid()
  }

  /** Stands in line and tells the others. @throws when Redis is away */
  async enter(model: string, entry: Omit<Entry, 'gateway'>): Promise<Standing> {
    this.noteWanted(model, entry.hosts)
    const standing = await this.store.enter(model, { ...entry, gateway: this.self }, this.clock.now())
    if (standing.isIn) this.tell({ is: 'want', from: this.self, model, hosts: entry.hosts })
    return standing
  }

  /** Tells the others once more that somebody waits here for a host. */
  remind(model: string, hostId: string): void {
    this.tell({ is: 'want', from: this.self, model, hosts: [hostId] })
  }

  /** Who is next for this host; null = nobody waits for it. @throws when Redis is away */
  async pop(model: string, hostId: string): Promise<Picked | null> {
    const next = await this.store.pop(model, hostId, this.clock.now())
    if (next) this.noteWanted(model, [hostId])
    else this.wantedUntilMs.delete(`${hostId} ${model}`)
    return next
  }

  /** A slot of ours goes to a call that waits elsewhere. It counts as in flight here until it comes back. */
  lend({ id, gateway }: Picked, model: string, hostId: string): void {
    this.lent.set(id, { to: gateway, model, hostId, sinceMs: this.clock.monotonicMs() })
    this.tell({ is: 'grant', from: this.self, to: gateway, id, hostId })
  }

  async drop(model: string, ticket: Ticket, id: string): Promise<void> {
    await this.store.drop(model, ticket, id, this.clock.now()).catch(() => undefined)
  }

  /** A call that stood in line ended: what it used weighs, not what it might have. */
  async correct(model: string, ticket: Ticket, tokens: number | null): Promise<void> {
    if (tokens !== null) await this.store.correct(model, ticket, tokens - ticket.tokens, this.clock.now()).catch(() => undefined)
  }

  /** Gives a borrowed slot back. */
  giveBack(id: string): void {
    const lender = this.load.line.borrowed.get(id)
    this.load.line.borrowed.delete(id)
    if (lender !== undefined) this.tell({ is: 'end', to: lender, id })
  }

  private hear(message: Message): void {
    if (message.is === 'want' && message.from !== this.self) {
      this.noteWanted(message.model, message.hosts)
      this.keeper?.wanted(message.model, message.hosts)
    } else if (message.is === 'grant' && message.to === this.self) {
      this.load.line.borrowed.set(message.id, message.from)
      if (!this.keeper?.granted(message.id, message.hostId)) this.giveBack(message.id)
    } else if (message.is === 'end' && message.to === this.self) this.takeBack(message.id, true)
  }

  private takeBack(id: string, wasUsed: boolean): void {
    const loan = this.lent.get(id)
    if (!loan) return
    this.lent.delete(id)
    this.load.leave(loan.hostId, loan.model)
    this.keeper?.returned(loan.model, loan.hostId, wasUsed ? loan.sinceMs : null)
  }

  private reclaim(): void {
    const nowMs = this.clock.monotonicMs()
    for (const [id, { to, sinceMs }] of this.lent) if (nowMs - sinceMs > LOST_MS && !this.load.borrowedBy(to).includes(id)) this.takeBack(id, false)
  }

  private noteWanted(model: string, hosts: readonly string[]): void {
    for (const hostId of hosts) this.wantedUntilMs.set(`${hostId} ${model}`, this.clock.monotonicMs() + WANTED_MS)
  }

  private tell(message: Message): void {
    void this.notices.publish({ topic: 'line', id: JSON.stringify(message) })
  }
}
