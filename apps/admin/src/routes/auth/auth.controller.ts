import { Body, Controller, Get, HttpCode, Post, UseGuards } from '@nestjs/common'
import { LoginService, Permit, Public, type Principal } from '@tollgate/tenants/people'
import { Answers } from '../../openapi/answers'
import { SignedIn } from '../../signed-in'
import { loginBody, refreshBody, type LoginBody, type RefreshBody } from './auth.schema'
import { signedInReply, signedInWire, tokenPairReply, tokenPairWire } from './auth.wire'
import { LoginThrottleGuard } from './login-throttle.guard'

/** Log-in of people. Machines use API keys, which never reach this plane. */
@Controller('auth')
export class AuthController {
  constructor(private readonly logins: LoginService) {}

  @Public()
  @UseGuards(LoginThrottleGuard)
  @Answers(tokenPairReply)
  @Post('login')
  @HttpCode(200)
  async login(@Body({ schema: loginBody }) { email, password }: LoginBody) {
    return tokenPairWire(await this.logins.login(email, password))
  }

  @Public()
  @UseGuards(LoginThrottleGuard)
  @Answers(tokenPairReply)
  @Post('refresh')
  @HttpCode(200)
  async refresh(@Body({ schema: refreshBody }) body: RefreshBody) {
    return tokenPairWire(await this.logins.refresh(body.refresh_token))
  }

  @Permit('self')
  @Post('logout')
  @HttpCode(204)
  async logout(@SignedIn() who: Principal): Promise<void> {
    await this.logins.logout(who)
  }

  @Permit('self')
  @Answers(signedInReply)
  @Get('me')
  me(@SignedIn() who: Principal) {
    return signedInWire(who)
  }
}
