import { Body, Controller, Get, HttpCode, Post, UseGuards } from '@nestjs/common'
import { permissionsOf } from '@tollgate/tenants/domain'
import { LoginService, Permit, Public, type Principal, type TokenPair } from '@tollgate/tenants/people'
import { SignedIn } from '../../signed-in'
import { loginBody, refreshBody, type LoginBody, type RefreshBody } from './auth.schema'
import { LoginThrottleGuard } from './login-throttle.guard'

/** Log-in of people. Machines use API keys, which never reach this plane. */
@Controller('auth')
export class AuthController {
  constructor(private readonly logins: LoginService) {}

  @Public()
  @UseGuards(LoginThrottleGuard)
  @Post('login')
  @HttpCode(200)
  async login(@Body({ schema: loginBody }) { email, password }: LoginBody) {
    return pairWire(await this.logins.login(email, password))
  }

  @Public()
  @UseGuards(LoginThrottleGuard)
  @Post('refresh')
  @HttpCode(200)
  async refresh(@Body({ schema: refreshBody }) body: RefreshBody) {
    return pairWire(await this.logins.refresh(body.refresh_token))
  }

  @Permit('self')
  @Post('logout')
  @HttpCode(204)
  async logout(@SignedIn() who: Principal): Promise<void> {
    await this.logins.logout(who)
  }

  @Permit('self')
  @Get('me')
  me(@SignedIn() who: Principal) {
    const [realm, role] = who.role.split(':')
    return { id: who.accountId, email: who.email, realm, role, tenant: who.tenantSlug, permissions: permissionsOf(who.role) }
  }
}

function pairWire(pair: TokenPair) {
  return { access_token: pair.accessToken, token_type: 'Bearer', expires_in: pair.expiresInSeconds, refresh_token: pair.refreshToken }
}
