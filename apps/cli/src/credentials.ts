import type { Connection } from './connection'
import { send } from './http-exchange'
import type { Tokens } from './kept'
import { CliError, EXIT } from './terminal'

/** Who is calling the control plane: a token that was given, one that was kept, or the operator of the installation in this folder. */
export class Credentials {
  constructor(private readonly connection: Connection) {}

  /** A token; null = none is known. */
  async token(): Promise<string | null> {
    return this.connection.token ?? this.tokens()?.access_token ?? (await this.asOperator())
  }

  /** Another token after one was refused; null = somebody has to log in. */
  async renewed(): Promise<string | null> {
    const { token, server } = this.connection
    if (token) return null
    const refresh_token = this.tokens()?.refresh_token
    const reply = refresh_token ? await send(server, { method: 'POST', path: '/auth/refresh', body: { refresh_token }, token: null }) : null
    return reply?.status === 200 ? this.keep(reply.text) : this.asOperator()
  }

  /** Logs in and keeps the tokens. @throws CliError */
  async logIn(email: string, password: string): Promise<void> {
    const { server } = this.connection
    const reply = await send(server, { method: 'POST', path: '/auth/login', body: { email, password }, token: null })
    if (reply.status === 401) throw new CliError('E-mail or password is wrong.', EXIT.refused)
    if (reply.status === 429) throw new CliError('Too many log-ins from this address. Wait a minute and try again.', EXIT.limited)
    if (reply.status !== 200) throw new CliError(`The log-in failed: ${server} answered ${reply.status}. Is this the address of a control plane?`)
    this.keep(reply.text)
  }

  /** Whether tokens of a log-in are kept for this server. */
  get isKept(): boolean {
    return this.tokens() !== undefined
  }

  /** Whether a request would go out as somebody: a token given or kept, or the operator of this folder. */
  get isKnown(): boolean {
    const { token, standalone, server } = this.connection
    return token !== null || this.isKept || standalone?.base_url === server
  }

  /** Forgets the tokens of this server. */
  forget(): void {
    const { kept } = this.connection
    const before = kept.read()
    const { [this.place]: _, ...tokens } = before.tokens
    kept.write({ ...before, tokens })
  }

  private get place(): string {
    const { profile, server } = this.connection
    return profile === null ? server : `${profile} ${server}`
  }

  private tokens(): Tokens | undefined {
    return this.connection.kept.read().tokens[this.place]
  }

  private async asOperator(): Promise<string | null> {
    const { standalone, server } = this.connection
    if (standalone?.base_url !== server) return null
    await this.logIn(standalone.operator.email, standalone.operator.password)
    return this.tokens()!.access_token
  }

  private keep(text: string): string {
    const { kept, server } = this.connection
    const { access_token, refresh_token } = JSON.parse(text) as Tokens
    const before = kept.read()
    kept.write({ ...before, server, tokens: { ...before.tokens, [this.place]: { access_token, refresh_token } } })
    return access_token
  }
}
