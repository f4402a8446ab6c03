import 'reflect-metadata'
import { connect, type Socket } from 'node:net'
import { Controller, Get, Module } from '@nestjs/common'
import { parseEnvironment } from '@tollgate/platform/config'
import { createHttpApp } from './http-app'

@Controller()
class Hello {
  @Get('hello')
  hello(): string {
    return 'hello'
  }
}

@Module({ controllers: [Hello] })
class HelloModule {}

const once = (socket: Socket, event: string) => new Promise((resolve) => socket.once(event, resolve))

it('closes connections that ask nothing, those that have asked nothing yet too', async () => {
  const app = await createHttpApp(HelloModule, { config: parseEnvironment({ LOG_LEVEL: 'silent' }) })
  await app.listen(0, '127.0.0.1')
  const port = Number(new URL(await app.getUrl()).port)
  const [fresh, used] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  await Promise.all([once(fresh, 'connect'), once(used, 'connect')])
  used.write('GET /hello HTTP/1.1\r\nhost: gate\r\n\r\n')
  await once(used, 'data')
  const closed = Promise.all([once(fresh, 'close'), once(used, 'close')])
  await app.close()
  await closed
}, 30_000)
