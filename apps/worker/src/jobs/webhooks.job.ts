import { Inject, Injectable } from '@nestjs/common'
import { BudgetWatchStore } from '@tollgate/limits'
import type { ProcessLogger } from '@tollgate/platform/logging'
import { LOGGER } from '@tollgate/platform/process'
import { WebhookDeliveryService, type EventType } from '@tollgate/webhooks'

/** Compares what is spent with budgets and credit, and sends what webhooks are to be told. */
@Injectable()
export class WebhooksJob {
  constructor(
    private readonly budgets: BudgetWatchStore,
    private readonly deliveries: WebhookDeliveryService,
    @Inject(LOGGER) private readonly logger: ProcessLogger,
  ) {}

  /** Only budgets that somebody listens for are looked at: without endpoints this is one small query. */
  async watch(): Promise<void> {
    const listeners = await this.deliveries.listeners()
    if (listeners.length === 0) return
    const tenants = [...new Set(listeners.map(({ tenantId }) => tenantId))]
    const crossings = await this.budgets.crossings(tenants.includes(null) ? null : (tenants as string[]))
    await this.deliveries.tell(
      crossings.map(({ kind, ...crossing }) => ({ ...crossing, type: `${crossing.scope === 'credit' ? 'credit' : 'budget'}.${kind}` as EventType })),
      listeners,
    )
  }

  async deliver(): Promise<void> {
    const { dead } = await this.deliveries.deliverDue()
    for (const delivery of dead) this.logger.error({ ...delivery }, 'a webhook was given up: list it with state=dead, send it again with redeliver')
  }

  async purge(): Promise<void> {
    await this.deliveries.purge()
  }
}
