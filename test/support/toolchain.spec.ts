import { Body, Controller, Get, Injectable, Module, Post, UseGuards } from '@nestjs/common'
import { JwtModule, JwtService } from '@nestjs/jwt'
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger'
import { Test } from '@nestjs/testing'
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler'
import { Redis } from 'ioredis'
import { createRedisServer } from 'js-redis-server'
import { LRUCache } from 'lru-cache'
import OpenAI from 'openai'
import { ExtractJwt, Strategy } from 'passport-jwt'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { DataSource, EntitySchema } from 'typeorm'
import { Agent, request } from 'undici'
import { z } from 'zod'

const SECRET = 'not a secret: this spec only'
const Greeting = z.object({ name: z.string() }).meta({ id: 'Greeting' })

@Injectable()
class Greeter {
  greet(name: string): string {
    return `hello ${name}`
  }
}

@Injectable()
class TokenStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super({ jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: SECRET, algorithms: ['HS256'] })
  }
  validate(payload: { sub: string }): { sub: string } {
    return payload
  }
}

@Controller()
class GreetingController {
  constructor(private readonly greeter: Greeter) {}

  @Post('greet')
  greet(@Body({ schema: Greeting } as never) body: z.infer<typeof Greeting>): { text: string } {
    return { text: this.greeter.greet(Greeting.parse(body).name) }
  }

  @UseGuards(AuthGuard('jwt'))
  @Get('private')
  private(): string {
    return 'in'
  }

  @UseGuards(ThrottlerGuard)
  @Get('limited')
  limited(): string {
    return 'ok'
  }
}

@Module({
  imports: [
    PassportModule,
    JwtModule.register({ secret: SECRET }),
    ThrottlerModule.forRoot([{ ttl: 60_000, limit: 1 }]),
  ],
  controllers: [GreetingController],
  providers: [Greeter, TokenStrategy],
})
class GreetingModule {}

describe('every package of the stack runs under Jest', () => {
  let app: NestFastifyApplication
  let origin: string

  beforeAll(async () => {
    const testing = await Test.createTestingModule({ imports: [GreetingModule] }).compile()
    app = testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter())
    await app.listen(0, '127.0.0.1')
    origin = await app.getUrl()
  })
  afterAll(() => app.close())

  it('injects by type and answers over undici', async () => {
    const agent = new Agent()
    const reply = await request(`${origin}/greet`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Ada' }),
      dispatcher: agent,
    })
    expect(await reply.body.json()).toEqual({ text: 'hello Ada' })
    await agent.close()
  })

  it('checks a JWT through passport', async () => {
    const token = app.get(JwtService).sign({ sub: 'ada' })
    expect((await request(`${origin}/private`)).statusCode).toBe(401)
    const reply = await request(`${origin}/private`, { headers: { authorization: `Bearer ${token}` } })
    expect(reply.statusCode).toBe(200)
  })

  it('throttles', async () => {
    const statuses = [await request(`${origin}/limited`), await request(`${origin}/limited`)].map((r) => r.statusCode)
    expect(statuses).toEqual([200, 429])
  })

  it('describes a zod schema as OpenAPI 3.1', () => {
    const config = new DocumentBuilder().setOpenAPIVersion('3.1.0').build()
    expect(SwaggerModule.createDocument(app, config).paths['/greet']?.post).toBeDefined()
  })

  it('talks to js-redis-server through ioredis, Lua included', async () => {
    const server = await createRedisServer()
    const redis = new Redis(server.port, '127.0.0.1')
    expect(await redis.eval('return tonumber(ARGV[1]) + 1', 0, '41')).toBe(42)
    await redis.quit()
    await server.close()
  })

  it('loads typeorm, prom-client, lru-cache and the official SDK', async () => {
    const Row = new EntitySchema<{ id: string }>({ name: 'row', columns: { id: { type: 'uuid', primary: true } } })
    expect(new DataSource({ type: 'postgres', entities: [Row] }).options.type).toBe('postgres')
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    expect(await registry.metrics()).toContain('process_cpu')
    expect(new LRUCache<string, number>({ max: 1 }).set('a', 1).get('a')).toBe(1)
    expect(new OpenAI({ apiKey: 'none', baseURL: origin }).baseURL).toBe(origin)
  })
})
