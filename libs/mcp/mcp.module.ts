import { Module } from '@nestjs/common'
import { McpService } from './mcp.service'

/** The tool servers. Needs a global module that provides `CONFIG`, `CLOCK`, `LOGGER` and `Metrics`. */
@Module({ providers: [McpService], exports: [McpService] })
export class McpModule {}
