import { Module } from '@nestjs/common'
import { ApiKeyGuard } from './api-key.guard'
import { ApiKeyStore } from './api-key.store'
import { AuthenticationService } from './authentication.service'

@Module({ providers: [ApiKeyStore, AuthenticationService, ApiKeyGuard], exports: [AuthenticationService, ApiKeyGuard] })
export class TenantsModule {}
