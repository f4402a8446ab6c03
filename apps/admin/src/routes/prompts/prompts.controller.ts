import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common'
import { PromptAdminService } from '@tollgate/catalog/prompts'
import { Permit, type Principal } from '@tollgate/tenants/people'
import type { z } from 'zod'
import { pageReply } from '@tollgate/platform/json-schema'
import { pageQuery } from '../../fields.schema'
import { invalid } from '../../invalid'
import { Answers } from '../../openapi/answers'
import { pageOf } from '../../paging'
import { SignedIn } from '../../signed-in'
import { promptBody, promptName, promptOf, type PromptBody } from './prompt.schema'
import { promptHistoryReply, promptReply, promptWire } from './prompt.wire'

/** System prompts that models are given, on every surface. Every change is a new version; gateways hear of it at once. */
@Controller('admin/prompts')
export class PromptsController {
  constructor(private readonly prompts: PromptAdminService) {}

  @Permit('prompts:read')
  @Answers(pageReply(promptReply))
  @Get()
  async list(@Query({ schema: pageQuery }) query: { limit: number; after?: string }) {
    return pageOf(query, (page) => this.prompts.list(page), (prompt) => prompt.name, promptWire)
  }

  /** The version in force, and all before it. */
  @Permit('prompts:read')
  @Answers(promptHistoryReply)
  @Get(':prompt')
  async one(@Param('prompt') name: string): Promise<z.output<typeof promptHistoryReply>> {
    const [current, ...older] = await this.prompts.versions(name)
    return { ...promptWire(current), older_versions: older.map(promptWire) }
  }

  @Permit('prompts:write')
  @Answers(promptReply)
  @Put(':prompt')
  async put(@SignedIn() who: Principal, @Param('prompt') name: string, @Body({ schema: promptBody }) body: PromptBody) {
    const form = promptName.safeParse(name)
    if (!form.success) throw invalid({ path: 'prompt', message: form.error.issues[0]!.message })
    return promptWire(await this.prompts.put(promptOf(name, body), who.accountId))
  }

  @Permit('prompts:write')
  @Delete(':prompt')
  @HttpCode(204)
  async remove(@SignedIn() who: Principal, @Param('prompt') name: string): Promise<void> {
    await this.prompts.remove(name, who.accountId)
  }
}
