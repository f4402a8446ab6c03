import type { Socket } from 'node:net'
import type { SandboxClock } from './clock'

const closings = new WeakMap<Socket, () => void>()

/** Closes a kept-alive socket after `idleMs` without a further request, and without having said so. */
export function closeWhenIdle(socket: Socket, clock: SandboxClock, idleMs: number): void {
  if (idleMs <= 0) {
    socket.end()
    return
  }
  const cancel = clock.after(idleMs, () => socket.destroy())
  closings.set(socket, cancel)
  socket.once('close', cancel)
}

/** Calls a planned closing off because the socket has got another request. */
export function keepOpen(socket: Socket): void {
  closings.get(socket)?.()
  closings.delete(socket)
}
