import { connect, createServer } from 'node:net'

/** Whether 127.0.0.1:`port` can be listened on right now; 0 asks for any port. Returns the port, or null when taken. */
export function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address && typeof address === 'object' ? address.port : null))
    })
  })
}

/** A TCP port on 127.0.0.1 that nobody listens on at this moment. */
export async function chooseFreePort(): Promise<number> {
  const port = await tryPort(0)
  if (port === null) throw new Error('no free TCP port on 127.0.0.1')
  return port
}

/** Whether something accepts a TCP connection on 127.0.0.1:`port` within `timeoutMs`. */
export function acceptsConnections(port: number, timeoutMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(timeoutMs, () => finish(false))
    socket.once('connect', () => finish(true))
    socket.once('error', () => finish(false))
  })
}
