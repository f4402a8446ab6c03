import { Module, type DynamicModule } from '@nestjs/common'
import { ChatModule } from '@tollgate/chat'
import type { ClusterConfig } from '@tollgate/platform/config'
import { HealthController } from '@tollgate/platform/http'
import { PlatformModule } from '@tollgate/platform/process'
import { ChatController } from './routes/chat/chat.controller'
import { CostReportController } from './routes/cost-report/cost-report.controller'
import { InferenceDoor } from './routes/inference'
import { ModelFacts } from './routes/models/model-facts'
import { ModelsController } from './routes/models/models.controller'
import { ChatCompletionsController } from './routes/openai/chat-completions.controller'
import { OpenAiModelsController } from './routes/openai/openai-models.controller'

/** The data plane: tenant API keys in, the corridor behind. */
@Module({})
export class GatewayModule {
  static register(config: ClusterConfig): DynamicModule {
    return {
      module: GatewayModule,
      imports: [PlatformModule.register(config, 'tg_app'), ChatModule],
      controllers: [ChatController, ChatCompletionsController, OpenAiModelsController, ModelsController, CostReportController, HealthController],
      providers: [InferenceDoor, ModelFacts],
    }
  }
}
