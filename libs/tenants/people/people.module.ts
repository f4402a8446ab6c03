import { Module } from '@nestjs/common'
import { JwtModule } from '@nestjs/jwt'
import { PassportModule } from '@nestjs/passport'
import { CONFIG, type ClusterConfig } from '@tollgate/platform/config'
import { TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER } from './access-token'
import { AccountService } from './account.service'
import { AccountStore } from './account.store'
import { JwtStrategy } from './jwt.strategy'
import { LoginService } from './login.service'
import { PermitGuard } from './permit.guard'
import { SessionStore } from './session.store'

/** People, their log-ins and what they may do. Needs the global platform module. */
@Module({
  imports: [
    PassportModule,
    JwtModule.registerAsync({
      inject: [CONFIG],
      useFactory: (config: ClusterConfig) => ({ secret: config.TOLLGATE_JWT_SECRET, signOptions: { algorithm: TOKEN_ALGORITHM, issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE } }),
    }),
  ],
  providers: [AccountStore, SessionStore, AccountService, LoginService, JwtStrategy, PermitGuard],
  exports: [AccountService, LoginService, PermitGuard],
})
export class PeopleModule {}
