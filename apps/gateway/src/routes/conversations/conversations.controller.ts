import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Req, UseGuards } from '@nestjs/common'
import { ConversationsService, ownerOf } from '@tollgate/conversations'
import { ApiKeyGuard } from '@tollgate/tenants'
import { ModelAccessGuard, NeedsScope } from '@tollgate/tiers'
import type { CallerRequest } from '../caller-request'
import { parseBody } from '../request-body'
import { ConversationDesk } from './conversation-desk'
import { conversationsQuery, eraseQuery, newConversation, newConversationSchema, switchSchema, turnsQuery } from './conversations.schema'
import { conversationWire, turnWire } from './conversations.wire'
import { projectIdOf } from './project'

/** `/v1/conversations`: memory that a caller asked for (product.md 2.5). Turns are added by `POST /chat` with `conversation_id`. */
@Controller('v1/conversations')
@UseGuards(ApiKeyGuard, ModelAccessGuard)
export class ConversationsController {
  constructor(
    private readonly desk: ConversationDesk,
    private readonly conversations: ConversationsService,
  ) {}

  @NeedsScope('chat')
  @Post()
  async create(@Req() { caller }: CallerRequest, @Body() body: unknown): Promise<unknown> {
    const wanted = parseBody(newConversationSchema, body)
    return conversationWire(caller, await this.desk.open(caller, newConversation(wanted, projectIdOf(caller, wanted.project ?? wanted.department))))
  }

  @NeedsScope('chat')
  @Get()
  async list(@Req() { caller }: CallerRequest, @Query() query: unknown): Promise<unknown> {
    const { limit, after } = parseBody(conversationsQuery, query)
    const rows = await this.desk.ask(() => this.conversations.list(ownerOf(caller), { after, limit: limit + 1 }))
    const data = rows.slice(0, limit)
    return { data: data.map((row) => conversationWire(caller, row)), has_more: rows.length > limit, next: rows.length > limit ? data.at(-1)!.id : null }
  }

  @NeedsScope('chat')
  @Get(':id')
  async one(@Req() { caller }: CallerRequest, @Param('id') id: string): Promise<unknown> {
    return conversationWire(caller, await this.desk.find(caller, id))
  }

  @NeedsScope('chat')
  @Get(':id/turns')
  async turns(@Req() { caller }: CallerRequest, @Param('id') id: string, @Query() query: unknown): Promise<unknown> {
    const { limit, after } = parseBody(turnsQuery, query)
    const conversation = await this.desk.find(caller, id)
    const rows = await this.desk.ask(() => this.conversations.turnsOf(ownerOf(caller), conversation, { after, limit: limit + 1 }))
    const data = rows.slice(0, limit)
    return { data: data.map(turnWire), has_more: rows.length > limit, next: rows.length > limit ? data.at(-1)!.seq : null }
  }

  /** Everything that is kept of it, in one body. */
  @NeedsScope('chat')
  @Get(':id/export')
  async export(@Req() { caller }: CallerRequest, @Param('id') id: string): Promise<unknown> {
    const conversation = await this.desk.find(caller, id)
    const turns = await this.desk.ask(() => this.conversations.turnsOf(ownerOf(caller), conversation))
    return { ...conversationWire(caller, conversation), turns: turns.map(turnWire) }
  }

  @NeedsScope('chat')
  @Patch(':id')
  async switch(@Req() { caller }: CallerRequest, @Param('id') id: string, @Body() body: unknown): Promise<unknown> {
    const { model, warning } = await this.desk.switchModel(caller, id, parseBody(switchSchema, body).model)
    return { ok: true, model, ...(warning === null ? {} : { warning }) }
  }

  @NeedsScope('chat')
  @Delete(':id')
  async remove(@Req() { caller }: CallerRequest, @Param('id') id: string): Promise<unknown> {
    await this.desk.remove(caller, id)
    return { id, deleted: true }
  }

  /** Every conversation of the account (of the key's project, where it is bound to one). */
  @NeedsScope('chat')
  @Delete()
  async erase(@Req() { caller }: CallerRequest, @Query() query: unknown): Promise<unknown> {
    parseBody(eraseQuery, query)
    return { deleted: await this.desk.ask(() => this.conversations.erase(ownerOf(caller))) }
  }
}
