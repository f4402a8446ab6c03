import { Module, type DynamicModule } from '@nestjs/common'
import { ChatModule } from '@tollgate/chat'
import { CallKeysModule } from '@tollgate/idempotency'
import type { ClusterConfig } from '@tollgate/platform/config'
import { HealthController } from '@tollgate/platform/http'
import { PlatformModule } from '@tollgate/platform/process'
import { ProofModule } from '@tollgate/proof'
import { McpFile } from './mcp-file'
import { MessagesController } from './routes/anthropic/messages.controller'
import { ChatAnswers } from './routes/chat/chat-answers'
import { ChatController } from './routes/chat/chat.controller'
import { ChatSmartController } from './routes/chat-smart/chat-smart.controller'
import { ConsensusController } from './routes/consensus/consensus.controller'
import { ConversationDesk } from './routes/conversations/conversation-desk'
import { ConversationsController } from './routes/conversations/conversations.controller'
import { CostReportController } from './routes/cost-report/cost-report.controller'
import { ExplainController } from './routes/explain/explain.controller'
import { Explanations } from './routes/explain/explanations'
import { InferenceDoor } from './routes/inference'
import { KeyedCalls } from './routes/keyed-calls'
import { ModelFacts } from './routes/models/model-facts'
import { ModelsController } from './routes/models/models.controller'
import { ChatCompletionsController } from './routes/openai/chat-completions.controller'
import { OllamaEmbedController } from './routes/ollama/ollama-embed.controller'
import { EmbeddingsController } from './routes/openai/embeddings.controller'
import { CompletionsController } from './routes/openai/completions.controller'
import { ResponsesController } from './routes/openai/responses.controller'
import { OllamaChatController } from './routes/ollama/ollama-chat.controller'
import { OllamaModelsController } from './routes/ollama/ollama-models.controller'
import { OllamaRootController } from './routes/ollama/ollama-root.controller'
import { OpenAiModelsController } from './routes/openai/openai-models.controller'
import { ProviderViews } from './routes/providers/provider-views'
import { ProvidersController } from './routes/providers/providers.controller'
import { RequestsController } from './routes/requests/requests.controller'
import { SigningKeysController } from './routes/requests/signing-keys.controller'
import { OwnStanding } from './routes/standing/own-standing'
import { StandingController } from './routes/standing/standing.controller'

/** The data plane: tenant API keys in, the corridor behind. */
@Module({})
export class GatewayModule {
  static register(config: ClusterConfig): DynamicModule {
    return {
      module: GatewayModule,
      imports: [PlatformModule.register(config, 'tg_app'), ChatModule, CallKeysModule, ProofModule],
      controllers: [ChatController, ChatSmartController, ChatCompletionsController, CompletionsController, ResponsesController, EmbeddingsController, OllamaEmbedController, MessagesController, OpenAiModelsController, OllamaChatController, OllamaModelsController, OllamaRootController, ModelsController, CostReportController, ProvidersController, ConversationsController, ConsensusController, RequestsController, ExplainController, SigningKeysController, StandingController, HealthController],
      providers: [ChatAnswers, Explanations, InferenceDoor, KeyedCalls, ConversationDesk, McpFile, ModelFacts, OwnStanding, ProviderViews],
    }
  }
}
