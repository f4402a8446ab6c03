import { resolveAliases } from './module-aliases'

declare global {
  // Jest calls setup and teardown in one process but loads their modules apart.
  var stopTestServices: (() => Promise<void>) | undefined
}

/** Jest's global setup of the `integration` project. */
export default async function globalSetup(): Promise<void> {
  resolveAliases()
  const { startServices } = await import('./services')
  globalThis.stopTestServices = await startServices()
}
