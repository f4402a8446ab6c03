export { ChatModule } from './chat.module'
export { ChatService, type ChatCall } from './chat.service'
export { AccessService } from './access.service'
export type { ChatReply, ChatResult, CompletedChat, ServedBy } from './chat-result'
